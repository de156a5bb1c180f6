"""Hot statements go through indexes, by whole keys: on tables just made and on large ones.

Plans are made once per connection for any parameters, so what EXPLAIN EXECUTE shows here is what services run.
"""

import re
from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Any, Final, cast

import pytest

from tests.servers.postgres import PostgresServer
from tradewind.db.api.pages import page_statement, sort_expressions
from tradewind.db.pool import Database, open_pool
from tradewind.db.statements import FOLDER, statement

LARGE: Final = (
    "asset", "asset_alias_event", "asset_dag_run_queue", "asset_event", "asset_reference", "dag_run_asset_event",
    "dag", "dag_run", "dag_version", "task_instance", "task_instance_history", "task_instance_history_default",
    "task_log", "task_log_file", "trigger", "xcom", "state_change", "trigger_key", "event_log", "archived_row",
)  # fmt: skip

HOT: Final = (
    "api_get_event",
    "api_list_dag_grants",
    "api_list_dags_of_file",
    "api_list_dags_of_import_error",
    "api_add_attempt_skips",
    "api_answer_attempt_question",
    "api_ask_attempt_question",
    "api_get_attempt_lease",
    "api_note_attempt",
    "api_count_login",
    "api_get_caller",
    "api_get_identity_revision",
    "api_get_token_caller",
    "api_touch_tokens",
    "api_drain_worker",
    "api_list_queues",
    "api_list_running_attempts",
    "api_list_workers",
    "adopt_dag_runs",
    "api_append_attempt_log",
    "api_claim_log_move",
    "api_find_keyed_run",
    "api_forget_state_changes",
    "api_forget_trigger_keys",
    "api_insert_trigger_keys",
    "api_list_state_changes",
    "api_start_state_changes",
    "api_finish_log_move",
    "api_get_log_target",
    "api_list_log_attempts",
    "api_list_log_chunks",
    "api_list_log_news",
    "api_list_old_log_runs",
    "api_list_settled_logs",
    "api_measure_log",
    "commit_decisions",
    "create_scheduled_runs",
    "count_active_runs",
    "count_active_task_instances",
    "create_asset_run",
    "answer_partition_request",
    "answer_weights_request",
    "create_partition_runs",
    "insert_partition_request",
    "delete_bundle_versions",
    "delete_parse_requests",
    "insert_parse_request",
    "hold_dags_back",
    "set_bundle_version",
    "write_dags",
    "disown_dag_runs",
    "fire_triggers",
    "grant_claims",
    "list_asset_dags",
    "list_attempt_holders",
    "list_due_dags",
    "list_owned_dag_runs",
    "list_pending_dag_runs",
    "load_aliased_assets",
    "load_dag_runs",
    "load_dag_specs",
    "load_last_automated_runs",
    "load_next_run_times",
    "load_partition_queue",
    "load_partitions",
    "load_past",
    "load_queued_assets",
    "list_runs_without_deadlines",
    "load_runs_by_date",
    "load_runs_by_partition",
    "load_reported_attempts",
    "load_task_instances",
    "lock_asset_dag",
    "lock_attempts",
    "lock_dag_runs",
    "lock_running_attempts",
    "lock_startable_dags",
    "lock_task_instances_of_runs",
    "mark_asset_queue_seen",
    "mark_missing_attempts",
    "pause_failing_dags",
    "queue_task_instance_by_hand",
    "read_dag_runs",
    "record_beats",
    "record_ends",
    "miss_deadlines",
    "recount_slots",
    "resume_dag_run",
    "revise_dag_runs",
    "revise_task_instances",
    "sort_into_partitions",
    "start_dag_runs",
    "take_dag_requests",
    "take_triggers",
    "take_unclaimed",
    "write_asset_events",
    "write_asset_references",
    "archive_dag_runs",
    "count_old_event_logs",
    "count_old_xcoms",
    "count_task_instances_of_runs",
    "delete_asset_events",
    "delete_old_dag_versions",
    "delete_old_event_logs",
    "delete_old_xcoms",
    "drop_archived_rows",
    "forget_dag_runs",
    "list_archived_rows",
    "list_asset_events_by_age",
    "list_old_dag_runs",
    "list_runs_with_logs",
    "lock_removable_dag_runs",
)

BY_WHOLE_KEY: Final = {
    "api_get_caller": {"app_user_pkey": 1, "revoked_token_pkey": 1},
    "api_get_token_caller": {"api_token_token_hash_key": 1, "app_user_pkey": 1},
    "api_list_running_attempts": {"dag_run_pkey": 1, "task_instance_pkey": 3},
    "api_list_workers": {"task_instance_running": 1},
    "api_list_log_chunks": {"task_log_pkey": 5},
    "api_list_log_news": {"task_instance_pkey": 3, "task_log_pkey": 5},
    "commit_decisions": {"task_instance_pkey": 3, "dag_run_pkey": 1},
    "count_active_task_instances": {"task_instance_pkey": 2},
    "fire_triggers": {"task_instance_pkey": 3, "trigger_pkey": 1},
    "grant_claims": {"task_instance_pkey": 3, "dag_run_dag_id_run_id_key": 2, "xcom_pkey": 3, "worker_pkey": 2},
    "keep_triggers": {"task_instance_pkey": 3, "trigger_by_triggerer": 1},
    "list_due_triggers": {"task_instance_pkey": 3},
    "load_past": {"task_instance_pkey": 2, "dag_run_dag_id_logical_date_key": 1},
    "load_reported_attempts": {"task_instance_pkey": 3, "dag_run_dag_id_run_id_key": 2},
    "load_stored_fingerprints": {"variable_pkey": 1, "connection_pkey": 1},
    "record_ends": {"task_instance_pkey": 2},  # of what a branch skips, all instances
    "queue_task_instance_by_hand": {"task_instance_pkey": 3},
    "record_beats": {"task_instance_running": 1},
    "take_triggers": {"trigger_unowned": 0, "dag_run_pkey": 1},
    "take_unclaimed": {"task_instance_unclaimed": 1, "task_instance_pkey": 3},
    "list_pending_dag_runs": {"task_instance_undecided": 1, "dag_run_running": 1},
    "load_task_instances": {"task_instance_pkey": 1},
    "lock_removable_dag_runs": {"dag_run_pkey": 1, "task_instance_pkey": 1, "dag_run_by_run_after": 1},
    "list_asset_events_by_age": {"asset_event_by_asset": 1, "asset_dag_run_queue_by_event": 1},
}
"""statement → index → how many of its columns each search must give."""

FILL: Final = """
INSERT INTO dag_version (id, dag_id, version_number, structure_digest, file_digest, relative_fileloc, spec, created_at)
    SELECT md5(n::text)::uuid, 'dag_' || n, 1, 'd', 'd', 'f.py', '{}', now() FROM generate_series(1, 200) n;
INSERT INTO dag (dag_id, relative_fileloc, dag_version_id, is_paused, max_active_tasks, max_active_runs)
    SELECT 'dag_' || n, 'f.py', md5(n::text)::uuid, false, 16, 16 FROM generate_series(1, 200) n;
INSERT INTO dag_run (dag_id, run_id, state, run_type, triggered_by, run_after, queued_at, dag_version_id, owner)
    SELECT 'dag_' || n % 200 + 1, 'run_' || n, CASE WHEN n % 100 = 0 THEN 'running' WHEN n % 100 = 1 THEN 'queued'
        ELSE 'success' END, 'manual', 'rest_api', now(), now(), md5((n % 200 + 1)::text)::uuid, md5((n % 3)::text)::uuid
    FROM generate_series(1, 20000) n;
ALTER TABLE task_instance DISABLE TRIGGER USER;
INSERT INTO task_instance (dag_run_id, task_id, state, max_tries, attempt_id, pool, pool_slots, queue, priority_weight,
        operator, incarnation, held_slots, end_pending, published_at)
    SELECT r.id, 'task_' || n, s.state, 0, gen_random_uuid(), 'default_pool', 1, 'default', 1, 'x',
        md5((r.id % 50)::text)::uuid, (s.state IN ('queued', 'running'))::int, r.state = 'running' AND n = 1, now()
    FROM dag_run r CROSS JOIN generate_series(1, 15) n
    CROSS JOIN LATERAL (SELECT CASE WHEN r.state <> 'running' THEN 'success' WHEN n % 3 = 0 THEN 'queued'
        WHEN n % 3 = 1 THEN 'running' ELSE 'none' END AS state) s;
ALTER TABLE task_instance ENABLE TRIGGER USER;
INSERT INTO state_change (dag_run_id, task_id, map_index, try_number, state)
    SELECT dag_run_id, task_id, map_index, try_number, state FROM task_instance WHERE dag_run_id % 3 = 0;
INSERT INTO worker (worker_id, incarnation, hostname, pid, kind, queues, concurrency, sequence, attempts, started_at,
        renewed_at, renewed_at_tick)
    SELECT 'worker_' || n, md5(n::text)::uuid, 'host', 1, 'celery', '{default}', 16, 1, 1, now(), now(), 1
    FROM generate_series(1, 50) n;
INSERT INTO trigger (dag_run_id, task_id, map_index, attempt_id, classpath, kwargs, timeout_at, created_at)
    SELECT dag_run_id, task_id, map_index, attempt_id, 'a.B', '{}', now(), now() FROM task_instance
    WHERE dag_run_id < 200;
INSERT INTO asset (name, uri, "group", is_active, created_at, updated_at)
    SELECT 'asset_' || n, 's3://bucket/' || n, 'asset', true, now(), now() FROM generate_series(1, 2000) n;
INSERT INTO asset_alias (name, "group") SELECT 'alias_' || n, 'asset' FROM generate_series(1, 200) n;
INSERT INTO asset_reference (dag_id, role, task_id, kind, name, uri, asset_id, is_partitioned, created_at)
    SELECT 'dag_' || n % 200 + 1, 'schedule', '', 'asset', a.name, a.uri, a.id, false, now()
    FROM asset a CROSS JOIN generate_series(1, 5) n;
INSERT INTO asset_event (asset_id, "timestamp", extra, source_dag_id, source_run_id, source_task_id, source_map_index)
    SELECT a.id, now(), '{}', 'dag_1', 'run_1', 'task_1', -1 FROM asset a CROSS JOIN generate_series(1, 20) n;
INSERT INTO asset_alias_event (alias_id, event_id) SELECT e.id % 200 + 1, e.id FROM asset_event e;
INSERT INTO asset_dag_run_queue (dag_id, event_id, asset_id, created_at, is_seen)
    SELECT 'dag_' || e.id % 200 + 1, e.id, e.asset_id, now(), e.id % 20 > 0 FROM asset_event e WHERE e.id % 2 = 0;
INSERT INTO dag_run_asset_event (dag_run_id, event_id) SELECT e.id % 20000 + 1, e.id FROM asset_event e;
INSERT INTO task_log (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, created_at, lines)
    SELECT dag_run_id, task_id, -1, 1, attempt_id, 0, now(), '{}' FROM task_instance WHERE dag_run_id % 10 = 0;
INSERT INTO xcom (dag_run_id, task_id, key, value, created_at)
    SELECT dag_run_id, task_id, 'return_value', '1', now() FROM task_instance;
INSERT INTO app_user (username, role, created_at) SELECT 'user_' || n, 'Viewer', now() FROM generate_series(1, 2000) n;
INSERT INTO api_token (id, username, name, token_hash, prefix, created_at)
    SELECT gen_random_uuid(), username, 'x', sha256(username::bytea), 'tw_', now() FROM app_user;
"""


@pytest.fixture(params=["empty", "full"], scope="module")
def url(request: pytest.FixtureRequest, postgres: PostgresServer) -> Generator[str]:
    """A database without a row, or with 300,000 task instances."""
    with postgres.new_database() as database_url:
        if request.param == "full":
            for part in (*FILL.split(";\n"), "ANALYZE"):
                postgres.run(_execute(database_url, part))
        yield database_url


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    async with open_pool(url, 1) as opened:
        yield opened


async def _execute(url: str, sql: str) -> None:
    async with open_pool(url, 1) as database:
        if sql.strip():
            await database.fetch(sql)


async def plan_of(database: Database, name: str) -> list[dict[str, Any]]:
    """All nodes of the plan that any parameters get."""
    sql = page_statement(name).text if sort_expressions(name) else statement(name)
    count = max([0, *(int(number) for number in re.findall(r"\$(\d+)", sql))])
    parameters = f"({', '.join(['NULL'] * count)})" if count else ""
    await database.fetch(f"PREPARE explained_{name} AS {sql}")
    text = await database.fetch_value(f"EXPLAIN (FORMAT JSON) EXECUTE explained_{name} {parameters}")
    plans = cast("list[dict[str, dict[str, Any]]]", text)  # the pool decodes JSON
    return list(_nodes(plans[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@pytest.mark.parametrize("name", HOT)
async def test_no_large_table_is_read_whole(database: Database, name: str) -> None:
    nodes = await plan_of(database, name)
    scans = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    assert [table for table in scans if table in LARGE] == []


@pytest.mark.parametrize("name", BY_WHOLE_KEY)
async def test_searches_give_the_whole_key(database: Database, name: str) -> None:
    nodes = await plan_of(database, name)
    used = {node["Index Name"]: True for node in nodes if "Index Name" in node}
    for index, columns in BY_WHOLE_KEY[name].items():
        assert index in used, f"{index} is not used but {list(used)}"
        conditions = [node.get("Index Cond", "") for node in nodes if node.get("Index Name") == index]
        assert all(condition.count(" = ") >= columns for condition in conditions), conditions


async def test_changes_are_looked_for_where_the_reader_has_come_to(database: Database) -> None:
    """By transaction, and from the last number on: never from the beginning of the table."""
    nodes = await plan_of(database, "api_list_state_changes")
    reads = [node for node in nodes if node.get("Relation Name") == "state_change"]
    conditions = {
        node["Index Name"]: node["Index Cond"]
        for node in nodes
        if "Index Cond" in node and "(seq >" in node["Index Cond"]
    }
    by_transaction = [node["Index Cond"] for node in nodes if node.get("Index Name") == "state_change_by_xid"]
    assert len(reads) == 3
    assert conditions == {"state_change_pkey": "(seq > GREATEST($2, $4))"}
    assert sorted(condition.split()[1] for condition in by_transaction) == ["=", ">="]


async def test_every_statement_that_services_run_parses(database: Database) -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.sql") if not path.stem.startswith("api_"))
    assert len(names) > 40
    for name in names:
        if re.search("^(ALTER|CREATE|DROP) ", statement(name), re.MULTILINE):
            continue  # which cannot be prepared; that it runs, its own test shows
        await database.fetch(f"PREPARE parsed_{name} AS {statement(name)}")
