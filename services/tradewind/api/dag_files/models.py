"""Sources of DAGs."""

from tradewind.api.models.base import ApiModel


class DAGSourceResponse(ApiModel):
    """The text of the file that a version of a DAG was made of."""

    dag_id: str
    dag_display_name: str
    content: str | None = None
    version_number: int | None = None
