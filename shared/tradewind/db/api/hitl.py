"""What the API asks about questions to people, and how it keeps an answer that no task waits for."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tradewind.core.triggers import HumanAnswer
from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def list_hitl_details(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """Questions of task instances' latest tries, with the task instances."""
    return await fetch_page(database, "api_list_hitl_details", filters, request)


async def get_hitl_detail(
    database: Database, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int | None
) -> Row | None:
    """The question of this try (None: of the latest), with `dag_run_id` (a number), `trigger_id` (None: nobody waits
    for the answer) and `next_kwargs`."""
    values = (dag_id, run_id, task_id, map_index, try_number)
    return await database.fetch_row(statement("api_get_hitl_detail"), *values)


async def keep_answer(database: Database, attempt_id: UUID, answer: HumanAnswer, now: datetime) -> bool:
    """Keep the answer; False = there is one already."""
    by = None if answer.responded_by is None else answer.responded_by.decode()
    values = (attempt_id, now, by, answer.chosen_options.decode(), answer.params_input.decode())
    return await database.fetch_value(statement("api_answer_hitl_detail"), *values) is not None
