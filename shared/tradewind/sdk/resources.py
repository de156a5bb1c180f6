"""`resources` of a task: what it says it needs. Shown to people; executors look at `executor_config`."""

from dataclasses import dataclass
from typing import Any, Final

from tradewind.sdk.configuration import conf

MB: Final = 1
GB: Final = 1024 * MB
TB: Final = 1024 * GB
PB: Final = 1024 * TB
EB: Final = 1024 * PB


@dataclass(frozen=True)
class Resource:
    """So and so much (at least 0) of something."""

    name: str
    units_str: str
    qty: float

    def __post_init__(self) -> None:
        if self.qty < 0:
            raise ValueError(f"resource {self.name}: the quantity must not be negative: {self.qty}")

    def to_dict(self) -> dict[str, Any]:
        """Its fields by name."""
        return {"name": self.name, "qty": self.qty, "units_str": self.units_str}


class CpuResource(Resource):
    """CPU cores."""

    def __init__(self, qty: float) -> None:
        super().__init__("CPU", "core(s)", qty)


class RamResource(Resource):
    """Megabytes of memory."""

    def __init__(self, qty: float) -> None:
        super().__init__("RAM", "MB", qty)


class DiskResource(Resource):
    """Megabytes of disk space."""

    def __init__(self, qty: float) -> None:
        super().__init__("Disk", "MB", qty)


class GpuResource(Resource):
    """GPUs."""

    def __init__(self, qty: float) -> None:
        super().__init__("GPU", "gpu(s)", qty)


class Resources:
    """All of a task's; what is not given is as `[operators] default_cpus` and the like say."""

    def __init__(
        self, cpus: float | None = None, ram: float | None = None, disk: float | None = None, gpus: float | None = None
    ) -> None:
        self.cpus, self.ram = CpuResource(_or(cpus, "cpus")), RamResource(_or(ram, "ram"))
        self.disk, self.gpus = DiskResource(_or(disk, "disk")), GpuResource(_or(gpus, "gpus"))

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if isinstance(other, Resources) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.cpus, self.ram, self.disk, self.gpus))

    def __repr__(self) -> str:
        return f"Resources({self.to_dict()})"

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Each by name."""
        return {name: each.to_dict() for name, each in vars(self).items()}


def _or(given: float | None, name: str) -> float:
    return conf.getint("operators", f"default_{name}") if given is None else given
