"""The Airflow version whose API this is: what DAG files compare `airflow.__version__` with."""

from typing import Final

version: Final = "3.3.2"
__version__: Final = version
