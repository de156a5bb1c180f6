"""The Airflow version whose API this is: what DAG files compare `airflow.__version__` with."""

from typing import Final

version: Final = "3.3.2"
__version__: Final = version

STANDARD_VERSION: Final = "1.21.0"
"""The version of the standard provider whose operators, sensors and triggers these are."""


def get_base_airflow_version_tuple() -> tuple[int, int, int]:
    """Major, minor, micro."""
    major, minor, micro = map(int, version.split("."))
    return major, minor, micro


AIRFLOW_V_3_0_PLUS: Final = get_base_airflow_version_tuple() >= (3, 0, 0)
AIRFLOW_V_3_1_PLUS: Final = get_base_airflow_version_tuple() >= (3, 1, 0)
AIRFLOW_V_3_1_3_PLUS: Final = get_base_airflow_version_tuple() >= (3, 1, 3)
AIRFLOW_V_3_2_PLUS: Final = get_base_airflow_version_tuple() >= (3, 2, 0)
AIRFLOW_V_3_3_PLUS: Final = get_base_airflow_version_tuple() >= (3, 3, 0)
