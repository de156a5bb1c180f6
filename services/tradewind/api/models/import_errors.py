"""DAG files that could not be loaded."""

from datetime import datetime

from tradewind.api.models.base import ApiModel


class ImportErrorResponse(ApiModel):
    """Why a DAG file could not be loaded when it was last parsed."""

    import_error_id: int
    timestamp: datetime
    filename: str
    bundle_name: str | None
    stack_trace: str


class ImportErrorCollectionResponse(ApiModel):
    """A page of import errors."""

    import_errors: list[ImportErrorResponse]
    total_entries: int
