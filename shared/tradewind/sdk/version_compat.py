"""Which versions of Airflow this is at least, as provider packages ask."""

from typing import Final

from tradewind.sdk.version import __version__

AIRFLOW_V_3_0_PLUS: Final = True
AIRFLOW_V_3_1_PLUS: Final = True
AIRFLOW_V_3_1_3_PLUS: Final = True
AIRFLOW_V_3_2_PLUS: Final = True
AIRFLOW_V_3_3_PLUS: Final = True
AIRFLOW_V_3_4_PLUS: Final = False


def get_base_airflow_version_tuple() -> tuple[int, int, int]:
    """Major, minor and patch."""
    major, minor, patch = __version__.split(".")
    return int(major), int(minor), int(patch)
