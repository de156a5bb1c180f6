"""Ids of runs, as Airflow makes them: the run's type and when it is due."""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

SUFFIX_LENGTH: Final = 8


def run_id_of(run_type: str, run_after: datetime) -> str:
    """`scheduled__2026-01-01T00:00:00+00:00`."""
    return f"{run_type}__{run_after.isoformat()}"


def partition_run_id(run_type: str, run_after: datetime, key: str, number: int | None = None) -> str:
    """For runs about a partition: with its key. `number` tells apart several runs about one."""
    named = f"{run_after.isoformat()} {key}{'' if number is None else f' {number}'}"
    suffix = hashlib.sha256(named.encode()).hexdigest()[-SUFFIX_LENGTH:]
    return f"{run_id_of(run_type, run_after)}__{key}__{suffix}"


def with_suffix(run_id: str, entropy: UUID, joined_by: str = "_") -> str:
    """For runs that may share a moment: with a random end."""
    return f"{run_id}{joined_by}{entropy.hex[-SUFFIX_LENGTH:]}"
