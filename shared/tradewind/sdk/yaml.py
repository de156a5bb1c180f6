"""YAML, by PyYAML's C library where it is there. Needs the package PyYAML, which Tradewind does not bring along."""

from importlib import import_module
from typing import Any


def _library() -> Any:
    return import_module("yaml")


def safe_load(stream: Any) -> Any:
    """What a YAML text or stream says."""
    yaml = _library()
    return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def dump(data: Any, **kwargs: Any) -> Any:
    """A value as YAML; arguments are those of `yaml.dump`."""
    yaml = _library()
    return yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(_library(), name)
