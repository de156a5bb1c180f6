"""`dag.test()`: a DAG runs to its end in the caller's process, by the scheduler's rules."""

import json
import os
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_file import load_dag_file
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowRuntimeError, TaskNotFound
from tradewind.sdk.serialize import DagSpecError
from tradewind.sdk.trials import try_task
from tradewind.sdk.types import NOTSET

LoadDag = Callable[[str], DAG]


@pytest.fixture
def load(tmp_path: Path) -> Generator[LoadDag]:
    """The DAG of a file whose text goes on after the usual imports."""

    def load_dag(text: str) -> DAG:
        path = tmp_path / "file.py"
        path.write_text("from datetime import timedelta\nfrom airflow.sdk import *\n" + dedent(text))
        (dag,) = load_dag_file(path, tmp_path).dags.values()
        return dag

    yield load_dag
    aliases.uninstall()


def test_values_branches_and_mapped_tasks(load: LoadDag) -> None:
    dag = load("""
        with DAG("d", params={"n": 2}):
            @task
            def numbers(params=None): return list(range(params["n"]))
            @task
            def double(x): return 2 * x
            @task
            def total(xs): return sum(xs)
            @task.branch
            def choose(): return "left"
            @task
            def left(): return "went left"
            @task
            def right(): raise AssertionError
            choose() >> [left(), right()]
            total(double.expand(x=numbers()))
    """)
    run = dag.test(run_conf={"n": 3})
    assert run.state == "success"
    assert run.states() == {
        "numbers": "success",
        "choose": "success",
        "double[0]": "success",
        "double[1]": "success",
        "double[2]": "success",
        "total": "success",
        "left": "success",
        "right": "skipped",
    }
    assert run.get_task_instance("total").xcom_pull() == 6
    assert run.get_task_instance("double", map_index=2).xcom_pull() == 4
    assert run.get_task_instance("total").xcom_pull(task_ids="double") == [0, 2, 4]
    assert [ti.task_id for ti in run.get_task_instances(state="skipped")] == ["right"]
    assert run.get_task_instance("nothing") is None


def test_failures_retries_setups_and_callbacks(load: LoadDag, caplog: pytest.LogCaptureFixture) -> None:
    dag = load("""
        told = []
        with DAG("d", on_failure_callback=lambda context: told.append((context["reason"], context["ti"].task_id))) as d:
            @task(retries=1, retry_delay=timedelta(seconds=0.01))
            def second_time(ti=None):
                if ti.try_number == 1: raise ValueError("not yet")
                return ti.try_number
            @task
            def broken(): raise KeyError("gone")
            @task
            def behind(): raise AssertionError
            @task(trigger_rule="one_failed")
            def alarm(): pass
            up = setup(lambda: 1)
            @setup
            def up(): pass
            @teardown
            def down(): pass
            second_time()
            first, last = up(), down()
            b = broken()
            first >> b >> last
            first >> last
            b >> [behind(), alarm()]
            d.told = told
    """)
    run = dag.test()
    assert run.state == "failed"
    assert run.states() == {
        "second_time": "success",
        "up": "success",
        "broken": "failed",
        "down": "success",
        "behind": "upstream_failed",
        "alarm": "success",
    }
    second, broken = run.get_task_instance("second_time"), run.get_task_instance("broken")
    assert (second.try_number, second.xcom_pull(), second.error) == (2, 2, None)
    assert broken.error == "KeyError: 'gone'"
    assert broken.duration >= 0
    assert [reason for reason, _ in vars(dag)["told"]] == ["task_failure"]
    assert "KeyError" in caplog.text


def test_waiting_tasks_go_on_in_this_process(load: LoadDag) -> None:
    dag = load("""
        from airflow.providers.standard.sensors.python import PythonSensor
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
        class Later(BaseOperator):
            def execute(self, context):
                self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="go_on", kwargs={"word": "on"})
            def go_on(self, context, event=None, word=None):
                return [word, context["ti"].try_number, event is not None]
        class Never(Later):
            def execute(self, context):
                trigger = TimeDeltaTrigger(timedelta(hours=1))
                self.defer(trigger=trigger, method_name="go_on", timeout=timedelta(seconds=0.01))
        class Ends(Later):
            def execute(self, context):
                self.defer(trigger=TimeDeltaTrigger(timedelta(0), end_from_trigger=True), method_name="go_on")
        class Broken(Later):
            def execute(self, context):
                self.defer(trigger=BaseTriggerWithoutRun(), method_name="go_on")
        class BaseTriggerWithoutRun(BaseTrigger):
            def serialize(self): return "tradewind.sdk.triggers.base.BaseTrigger", {}
        looks = []
        with DAG("d"):
            Later(task_id="later"), Never(task_id="never"), Ends(task_id="ends"), Broken(task_id="broken")
            PythonSensor(
                task_id="sensor", mode="reschedule", poke_interval=0.01,
                python_callable=lambda: looks.append(1) or len(looks) > 2,
            )
    """)
    run = dag.test()
    assert run.states() == {
        "later": "success",
        "never": "failed",
        "ends": "success",
        "broken": "failed",
        "sensor": "success",
    }
    assert run.get_task_instance("later").xcom_pull() == ["on", 1, True]
    assert run.get_task_instance("never").error.startswith("TaskDeferralTimeout")
    assert "must implement run()" in run.get_task_instance("broken").error
    assert run.get_task_instance("sensor").try_number == 1


def test_logical_date_and_run_after(load: LoadDag) -> None:
    from datetime import UTC, datetime

    dag = load("""
        with DAG("d", schedule="@daily"):
            @task
            def dates(logical_date=None, data_interval_start=None, dag_run=None, ds=None):
                return [str(logical_date), str(data_interval_start), str(dag_run.run_after), dag_run.run_type]
            dates()
            @task
            def undated(dag_run=None): return dag_run.logical_date is None
            undated()
    """)
    date = datetime(2024, 2, 3, tzinfo=UTC)
    run = dag.test(logical_date=date, run_after=date)
    shown = str(date)
    assert run.get_task_instance("dates").xcom_pull() == [shown, shown, shown, "manual"]
    assert (run.run_id, run.logical_date) == ("manual__2024-02-03T00:00:00+00:00", date)
    run = dag.test(logical_date=None)
    assert run.get_task_instance("undated").xcom_pull() is True
    assert run.data_interval_start is None


def test_marked_tasks_are_not_run(load: LoadDag) -> None:
    dag = load("""
        with DAG("d"):
            @task
            def load_it(): raise AssertionError
            @task
            def load_it_not(): return 1
            load_it() >> load_it_not()
    """)
    assert dag.test(mark_success_pattern="load_.t").state == "success"


def test_secrets_from_files_and_environment_afterwards(load: LoadDag, tmp_path: Path) -> None:
    (tmp_path / "conns.json").write_text(json.dumps({"web": "http://ann@host:80/"}))
    (tmp_path / "vars.json").write_text(json.dumps({"colour": "red"}))
    dag = load("""
        with DAG("d"):
            @task
            def look():
                import os
                Variable.set("mine", "kept")
                return [Connection.get("web").login, Variable.get("colour"), os.environ["AIRFLOW_CTX_DAG_ID"]]
            @task
            def look_again(): return Variable.get("mine")
            look() >> look_again()
    """)
    before = dict(os.environ)
    paths: Any = {"conn_file_path": str(tmp_path / "conns.json"), "variable_file_path": str(tmp_path / "vars.json")}
    run = dag.test(**paths)
    assert run.get_task_instance("look").xcom_pull() == ["ann", "red", "d"]
    assert run.get_task_instance("look_again").xcom_pull() == "kept"
    assert dict(os.environ) == before
    (tmp_path / "vars.json").write_text(json.dumps({"colour": "blue"}))
    assert dag.test(**paths).get_task_instance("look").xcom_pull()[1] == "blue"
    assert dag.test().get_task_instance("look").state == "failed"


def test_questions_about_the_run(load: LoadDag) -> None:
    dag = load("""
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
        with DAG("d", tags=["t"]):
            @task
            def first(ti=None):
                ti.xcom_push("mine", [1])
            @task
            def ask(ti=None, dag_run=None):
                return [
                    ti.get_ti_count("d", states=["success"]), ti.get_task_states("d", task_ids=["first"])[ti.run_id],
                    ti.get_dr_count("d"), ti.get_dagrun_state("d", ti.run_id), ti.get_dag("d").tags,
                    ti.get_previous_dagrun(), ti.get_previous_ti(), ti.xcom_pull("first", key="mine"),
                    [each["task_id"] for each in ti.get_task_breadcrumbs("d", ti.run_id)],
                ]
            first() >> ask()
            TriggerDagRunOperator(task_id="other", trigger_dag_id="other", conf={"x": 1})
            TriggerDagRunOperator(
                task_id="wait", trigger_dag_id="other", trigger_run_id="w", wait_for_completion=True, poke_interval=0,
            )
    """)
    run = dag.test()
    asked = run.get_task_instance("ask").xcom_pull()
    assert asked[0] >= 1
    assert asked[1:-1] == [{"first": "success"}, 1, "running", ["t"], None, None, [1]]
    assert "first" in asked[-1]
    assert run.states() == {"first": "success", "other": "success", "wait": "failed", "ask": "success"}
    assert [(dag_id, request["conf"]) for (dag_id, _), request in run.triggered.items()] == [
        ("other", {"x": 1}),
        ("other", {}),
    ]


def test_kept_values_and_fail_fast(load: LoadDag) -> None:
    dag = load("""
        with DAG("d", fail_fast=True):
            @task(retries=1, retry_delay=timedelta(0))
            def counted(task_state_store=None, ti=None):
                task_state_store.set("tries", task_state_store.get("tries", 0) + 1)
                if ti.try_number == 1: raise ValueError
                assert task_state_store.get("tries") == 2
                task_state_store.delete("tries")
                raise ValueError("again")
            @task
            def untouched(): raise AssertionError
            counted() >> untouched()
    """)
    run = dag.test()
    assert run.get_task_instance("counted").error == "ValueError: again"
    assert run.states() == {"counted": "failed", "untouched": "skipped"}


def test_values_kept_for_assets(load: LoadDag) -> None:
    dag = load("""
        one, two = Asset("one", "s3://k/one"), Asset("two")
        def said(ask):
            try: return ask()
            except Exception as exc: return f"{type(exc).__name__}: {exc}"
        with DAG("d"):
            @task(outlets=[one])
            async def only(asset_state_store=None):
                store = asset_state_store
                await store.aset("seen", [1])
                store.set("gone", 1)
                await store.adelete("gone")
                by_name = store[Asset.ref(name="one")].get("seen")
                return [await store.aget("seen"), by_name, store.get("gone", "none"), said(lambda: store[two].get("x")),
                        said(lambda: store["one"]), said(lambda: store.set("day", {1, 2})), said(lambda: store.get(""))]
            @task(inlets=[one, Asset.ref(uri="s3://k/two"), AssetAlias("al")], outlets=[AssetAlias("out")])
            def many(asset_state_store=None):
                store = asset_state_store
                store[Asset.ref(uri="s3://k/two")].set("n", 2)
                return [store[one].get("seen"), said(lambda: store.get("seen"))]
            only() >> many()
    """)
    run = dag.test()
    only = run.get_task_instance("only").xcom_pull()
    assert only[:3] == [[1], [1], "none"]
    assert only[3] == (
        "KeyError: \"Asset(name='two', uri='two', group='asset', extra={}) is not among the inlets and outlets of the"
        ' task"'
    )
    assert only[4] == "TypeError: expected an asset, or a reference to one by name or URI, not 'one'"
    assert only[5].startswith("TypeError: the value of 'day' cannot be kept, as it is not JSON:")
    assert only[6] == "TypeError: the key of a kept value should be a text that is not empty, not ''"
    message = "ValueError: the task has 2 assets: say which, as asset_state_store[asset]"
    assert run.get_task_instance("many").xcom_pull() == [[1], message]


def test_one_task_alone(load: LoadDag) -> None:
    dag = load("""
        with DAG("d", params={"n": 1}):
            @task
            def first(): raise AssertionError
            @task
            def second(params=None):
                if params["n"] == 0: raise ValueError("nothing")
                return params["n"]
            first() >> second()
    """)
    ti = try_task(dag, "second", logical_date=NOTSET, run_conf={"n": 5}, map_index=-1)
    assert (ti.state, ti.xcom_pull()) == ("success", 5)
    ti = try_task(dag, "second", logical_date=NOTSET, run_conf={"n": 0}, map_index=-1)
    assert (ti.state, ti.error) == ("failed", "ValueError: nothing")
    with pytest.raises(TaskNotFound, match="third"):
        try_task(dag, "third", logical_date=NOTSET, run_conf=None, map_index=-1)


def test_what_cannot_be_tried_says_why(load: LoadDag) -> None:
    dag = load("""
        from airflow.providers.standard.operators.hitl import ApprovalOperator
        with DAG("d"):
            ApprovalOperator(task_id="ask", subject="Go on?")
    """)
    with pytest.raises(AirflowRuntimeError, match=r"'d' cannot go on: ask waits for somebody's answer"):
        dag.test()
    cycle = load("""
        with DAG("c"):
            a, b = BaseOperator(task_id="a"), BaseOperator(task_id="b")
            a >> b >> a
    """)
    with pytest.raises(DagSpecError, match="a -> b -> a"):
        cycle.test()
    raised: list[Any] = []

    def in_thread() -> None:
        try:
            dag.test()
        except AirflowRuntimeError as exc:
            raised.append(str(exc))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert "main thread" in raised[0]


def test_with_an_executor_each_task_has_a_process_of_its_own(load: LoadDag) -> None:
    dag = load("""
        import os
        with DAG("d"):
            @task
            def first(ti=None):
                ti.xcom_push("pid", os.getpid())
                return [1, 2]
            @task
            def double(x): return 2 * x
            @task(retries=1, retry_delay=timedelta(0))
            def crashes(ti=None):
                if ti.try_number == 1: os._exit(7)
                return os.getpid()
            @task
            def total(xs, pid, ti=None):
                assert ti.xcom_pull(task_ids="first", key="pid") not in (pid, os.getpid())
                try:
                    Variable.get("nowhere")
                except Exception as exc:
                    return [sum(xs), "nowhere" in str(exc)]
            total(double.expand(x=first()), crashes())
    """)
    run = dag.test(use_executor=True)
    assert set(run.states().values()) == {"success"}
    assert run.get_task_instance("total").xcom_pull() == [6, True]
    assert run.get_task_instance("crashes").try_number == 2
    assert run.get_task_instance("crashes").xcom_pull() != os.getpid()


def test_a_file_is_a_command_of_its_own(
    load: LoadDag, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dag = load("""
        with DAG("d"):
            @task
            def size(dag_run=None): return dag_run.conf["n"]
            @task
            def broken(): raise KeyError("gone")
            size() >> broken()
    """)

    def run(*arguments: str) -> tuple[Any, list[str], str]:
        monkeypatch.setattr("sys.argv", ["d.py", *arguments])
        try:
            code = dag.cli()
        except SystemExit as exc:
            code = exc.code
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    assert run("tasks", "list") == (None, ["broken", "size"], "")
    code, lines, _ = run("tasks", "test", "size", "2026-01-02", "-t", '{"n": 3}')
    assert (code, lines[-1]) == (None, "size: success")
    code, lines, _ = run("tasks", "test", "broken")
    assert (code, lines[-1].startswith("broken: failed (KeyError")) == (1, True)
    code, lines, _ = run("dags", "test", "-c", '{"n": 3}', "--mark-success-pattern", "broken")
    assert (code, lines[-3:-1]) == (None, ["size: success", "broken: success"])
    for arguments, error in (
        (("tasks", "test", "none"), "none"),
        (("tasks", "test", "size", "soon"), "'soon' is not a date"),
        (("dags", "test", "-c", "[1]"), "argument -c/--conf: not a JSON object: [1]"),
        (("dags", "pause"), "invalid choice: 'pause'"),
    ):
        code, _, said = run(*arguments)
        assert (code, error in said) == (2, True), said
