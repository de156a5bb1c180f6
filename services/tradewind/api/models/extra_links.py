"""Extra links of task instances."""

from tradewind.api.models.base import ApiModel


class ExtraLinkCollectionResponse(ApiModel):
    """Name of each link → its address; null while no try has made it."""

    extra_links: dict[str, str | None]
    total_entries: int
