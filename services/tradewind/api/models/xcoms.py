"""XComs."""

from datetime import datetime

from tradewind.api.models.base import ApiModel


class XComResponse(ApiModel):
    """An XCom without its value."""

    key: str
    timestamp: datetime
    logical_date: datetime | None
    map_index: int
    task_id: str
    dag_id: str
    run_id: str
    dag_display_name: str
    task_display_name: str
    run_after: datetime


class XComResponseNative(XComResponse):
    """An XCom with its value as JSON."""

    value: object


class XComResponseString(XComResponse):
    """An XCom with its value as text."""

    value: str | None


class XComCollectionResponse(ApiModel):
    """A page of XComs."""

    xcom_entries: list[XComResponse]
    total_entries: int
