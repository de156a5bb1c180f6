"""Instances of mapped tasks: their arguments, what they show instead of a number, and the lengths that others need."""

import json
from typing import Any

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome
from tradewind.sdk.mapped.expand_input import DictOfListsExpandInput, ListOfDictsExpandInput, check_mappable
from tradewind.sdk.mapped.sequences import Concatenated, Mapped, Zipped
from tradewind.wire.messages import EndEffects

HEAD = """
from airflow.sdk import DAG, BaseOperator, task
from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.python import PythonOperator
from tradewind.sdk.mapped.expand_input import DictOfListsExpandInput, ListOfDictsExpandInput
class Op(BaseOperator):
    template_fields = ("x", "y")
    def __init__(self, x=None, y=None, fail=False, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.fail = x, y, fail
    def execute(self, context):
        assert context["task"] is self and context["ti"].task is self
        if self.fail: raise ValueError("as told")
        context["named"] = f"name of {self.x}"
        return [self.x, self.y]
class Mapped(BaseOperator):
    is_mapped = True
    def __init__(self, *, expand_input, partial, **kwargs):
        super().__init__(**kwargs)
        self.expand_input, self.partial = expand_input, partial
        for upstream, _ in expand_input.iter_references(): self.set_upstream(upstream)
    def unmap(self, values):
        operator = Op(task_id="t_instance", dag=DAG("other"), **{**self.partial, **values})
        operator.task_id, operator._dag = "t", self.dag
        return operator
    def execute(self, context): raise AssertionError
with DAG("d"):
    @task
    def up(n=3): return list(range(n))
    source = up()
"""


def _mapped(expand_input: str, **partial: str) -> str:
    arguments = ", ".join(f"{name!r}: {value}" for name, value in partial.items())
    return f'{HEAD}\n    Mapped(task_id="t", expand_input={expand_input}, partial={{{arguments}}})\n'


def test_instance_gets_one_element_of_each_argument(run: RunSource, api: ExecutionApi) -> None:
    api.xcoms["d", "manual__1", "up", "return_value", "map_index=-1"] = ["{{ ds }}", "b"]
    source = _mapped('DictOfListsExpandInput({"x": source, "y": ["{{ ds }}", "2", "3"]})')
    seen: list[Any] = []
    for map_index in range(6):
        ran = run(source, map_index=map_index, url=api.url)
        assert ran.result.detail is None
        seen.append(ran.xcoms["return_value"])
        assert ran.rendered == {"x": seen[-1][0], "y": seen[-1][1]}
    assert seen == [
        ["{{ ds }}", "2021-01-02"],
        ["{{ ds }}", "2"],
        ["{{ ds }}", "3"],
        ["b", "2021-01-02"],
        ["b", "2"],
        ["b", "3"],
    ]
    failed = run(source, map_index=6, url=api.url)
    assert failed.result.detail == "IndexError: map index 6 is beyond what the arguments have"


def test_dict_is_mapped_over_by_its_pairs(run: RunSource) -> None:
    source = _mapped('DictOfListsExpandInput({"x": {"a": 1, "b": 2}})', y="'{{ ti.map_index }}'")
    ran = run(source, map_index=1)
    assert ran.xcoms["return_value"][0] == {"__classname__": "builtins.tuple", "__version__": 1, "__data__": ["b", 2]}
    assert ran.xcoms["return_value"][1] == "1"


def test_instance_gets_its_dict_of_arguments(run: RunSource, api: ExecutionApi) -> None:
    api.xcoms["d", "manual__1", "up", "return_value", "map_index=-1"] = [{"x": "{{ ds }}"}, {"x": 2, "y": 3}]
    source = _mapped("ListOfDictsExpandInput(source)")
    seen = [run(source, map_index=index, url=api.url).xcoms["return_value"] for index in (0, 1)]
    assert seen == [["{{ ds }}", None], [2, 3]]
    literal = _mapped('ListOfDictsExpandInput([{"x": "{{ ds }}", "y": source}])')
    ran = run(literal, map_index=0, url=api.url)
    assert ran.xcoms["return_value"] == ["2021-01-02", [{"x": "{{ ds }}"}, {"x": 2, "y": 3}]]


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (5, "ValueError: expand_kwargs() expects a list[dict], not int"),
        ("text", "ValueError: expand_kwargs() expects a list[dict], not str"),
        ([5], "ValueError: expand_kwargs() expects a list[dict], not list[int]"),
        ([None], "ValueError: expand_kwargs() expects a list[dict], not list[None]"),
        ([], "IndexError: list index out of range"),
    ],
)
def test_wrong_arguments_are_named(run: RunSource, api: ExecutionApi, value: object, detail: str) -> None:
    api.xcoms["d", "manual__1", "up", "return_value", "map_index=-1"] = value
    ran = run(_mapped("ListOfDictsExpandInput(source)"), map_index=0, url=api.url)
    assert (ran.result.outcome, ran.result.detail) == (Outcome.FAILED, detail)


def test_attempt_without_an_index_is_refused(run: RunSource) -> None:
    ran = run(_mapped('DictOfListsExpandInput({"x": [1]})'))
    assert ran.result.detail == "RuntimeError: can't resolve task-mapping argument without expanding"


@pytest.mark.parametrize(
    ("template", "fail", "shown", "detail"),
    [
        ("{{ named }}", False, "name of 7", None),
        ("{{ task.x }} {{ named }}", True, "7 ", "ValueError: as told"),
        ("{{ task.x", True, None, "ValueError: as told"),
    ],
)
def test_instance_shows_its_name(
    run: RunSource, template: str, fail: bool, shown: str | None, detail: str | None
) -> None:
    head = HEAD.replace('with DAG("d"):', 'from jinja2 import Undefined\nwith DAG("d", template_undefined=Undefined):')
    source = _mapped('DictOfListsExpandInput({"x": [7]})', fail=str(fail), map_index_template=repr(template))
    ran = run(source.replace(HEAD, head), map_index=0)
    assert ran.result.detail == detail
    assert ran.result.effects == (None if shown is None else EndEffects(rendered_map_index=shown))


def test_name_that_cannot_be_rendered_fails_the_success(run: RunSource) -> None:
    source = _mapped('DictOfListsExpandInput({"x": [7]})', map_index_template="'{{ unknown }}'")
    assert run(source, map_index=0).result.detail == "UndefinedError: 'unknown' is undefined"


def test_what_is_mapped_over_tells_its_length(run: RunSource) -> None:
    source = _mapped('DictOfListsExpandInput({"x": source})')
    ran = run(source, "up")
    assert ran.result.effects == EndEffects(map_length=3)
    assert run(source.replace("return list(range(n))", "return {'a': 1}"), "up").result.effects == EndEffects(
        map_length=1
    )
    alone = run(source.replace('{"x": source}', '{"x": [1]}'), "up")
    assert (alone.xcoms["return_value"], alone.result.effects) == ([0, 1, 2], None)


@pytest.mark.parametrize(
    ("returned", "detail"),
    [
        ("return None", "XComForMappingNotPushed: did not push XCom for task mapping"),
        ("return 5", "UnmappableXComTypePushed: unmappable return type 'int'"),
        ("return 'text'", "UnmappableXComTypePushed: unmappable return type 'str'"),
        ("raise AirflowSkipException('no')", "AirflowSkipException: no"),
    ],
)
def test_what_is_mapped_over_must_have_a_length(run: RunSource, returned: str, detail: str) -> None:
    source = _mapped('DictOfListsExpandInput({"x": source})').replace("return list(range(n))", returned)
    ran = run(source, "up")
    assert (ran.result.detail, ran.result.effects) == (detail, None)


def test_map_zip_and_concat_are_made_element_by_element() -> None:
    asked: list[int] = []

    def double(value: int) -> int:
        asked.append(value)
        return 2 * value

    mapped = Mapped([1, 2, 3], [double, str])
    assert (len(mapped), mapped[1], asked) == (3, "4", [2])
    assert list(Mapped({"a": 1}, [len])) == [2]
    zipped = Zipped([[1, 2, 3], {"k": "v"}])
    assert list(zipped) == [(1, ("k", "v"))]
    filled = Zipped([[1, 2], (3,)], fillvalue=None)
    assert list(filled) == [(1, 3), (2, None)]
    joined = Concatenated([[1, 2], {"k": "v"}, mapped])
    assert [joined[place] for place in range(6)] == [1, 2, ("k", "v"), "2", "4", "6"]
    assert (joined[-1], joined[1:3]) == ("6", [2, ("k", "v")])
    for values in (mapped, zipped, joined):
        with pytest.raises(IndexError):
            values[len(values)]


def test_arguments_to_map_over_are_checked() -> None:
    check_mappable({"a": [1], "b": {}, "c": ListOfDictsExpandInput([])}, "expand()")
    with pytest.raises(ValueError, match=r"expand\(\) got an unexpected type for the keyword argument 'x' \(str\)"):
        check_mappable({"x": "text", "y": []}, "expand()")
    with pytest.raises(ValueError, match="mapped to length 0"):
        DictOfListsExpandInput({"x": []}).resolve({}, 0)


LINKS = """
from airflow.sdk import DAG, BaseOperator
class Link:
    name = "Console"
    xcom_key = "_link_Console"
    def get_link(self, operator, *, ti_key): return f"https://x/{ti_key.run_id}"
class Broken:
    name = "Broken"
    def get_link(self, operator, *, ti_key): raise RuntimeError("no link")
class Op(BaseOperator):
    operator_extra_links = (Link(), Broken())
    def __init__(self, fail=False, **kwargs):
        super().__init__(**kwargs)
        self.fail = fail
    def execute(self, context):
        if self.fail: raise ValueError
with DAG("d"):
    Op(task_id="t")
    Op(task_id="fails", fail=True)
"""


def test_extra_links_are_kept(run: RunSource, api: ExecutionApi) -> None:
    ran = run(LINKS, url=api.url)
    assert ran.xcoms == {"_link_Console": "https://x/manual__1"}
    assert "Failed to make the extra link 'Broken'" in ran.events
    assert api.requests == []
    run(LINKS, "fails", url=api.url)
    assert api.xcoms["d", "manual__1", "fails", "_link_Console", "map_index=-1"] == "https://x/manual__1"


def test_kept_values_are_cleared_by_a_success_if_that_is_wanted(
    run: RunSource, api: ExecutionApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "True")
    api.task_states["job"] = json.loads("7")
    assert run(LINKS, "fails", url=api.url).result.outcome is Outcome.FAILED
    assert api.task_states == {"job": 7}
    run(LINKS, url=api.url)
    assert api.task_states == {}


GROUPS = """
from airflow.sdk import DAG, TaskGroup, task
from airflow.providers.standard.operators.python import PythonOperator
class MappedGroup(TaskGroup):
    is_mapped = True
    expand_input = DictOfListsExpandInput({"x": [1, 2]})
with DAG("d"):
    with MappedGroup("g"):
        @task
        def one(): return 1
        @task
        def two(value): return value
        inside = one()
        two(inside)
    @task
    def t(values): return [len(values), list(values), values]
    t(inside)
"""


def test_reference_inside_a_mapped_group_is_of_the_same_index(run: RunSource, api: ExecutionApi) -> None:
    source = HEAD.partition("class Op")[0] + GROUPS
    for index, value in enumerate((10, 20)):
        api.xcoms["d", "manual__1", "g.one", "return_value", f"map_index={index}"] = value
    assert run(source, "g.two", map_index=1, url=api.url).xcoms["return_value"] == 20
    assert run(source, "t", url=api.url).xcoms["return_value"] == [2, [10, 20], [10, 20]]


def test_reference_to_a_mapped_task_is_a_sequence(run: RunSource, api: ExecutionApi) -> None:
    for index, value in enumerate((10, 20)):
        api.xcoms["d", "manual__1", "t", "return_value", f"map_index={index}"] = value
    source = HEAD.replace("with DAG", "def total(values): return [sum(values), repr(values)]\nwith DAG")
    source += """
    mapped = Mapped(task_id="t", expand_input=DictOfListsExpandInput({"x": [1, 2]}), partial={})
    PythonOperator(task_id="total", python_callable=total, op_args=[mapped.output])
"""
    ran = run(source, "total", url=api.url)
    assert ran.xcoms["return_value"] == [30, "LazyXComSequence(<unevaluated length>)"]
    assert ran.rendered["op_args"] == ["LazyXComSequence(<unevaluated length>)"]


@pytest.mark.parametrize(("returned", "length"), [("5", 1), ("[1, 2, 3]", 1), ("None", None)])
def test_an_instance_of_a_mapped_task_counts_if_it_pushes(run: RunSource, returned: str, length: int | None) -> None:
    source = _mapped('DictOfListsExpandInput({"x": source})').replace("list(range(n))", returned)
    ran = run(source, "up", map_index=2)
    assert ran.result.effects == (None if length is None else EndEffects(map_length=length))


def test_more_elements_than_the_configuration_admits_fail_the_task_by_name(
    run: RunSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _mapped('DictOfListsExpandInput({"x": source})').replace("n=3", "n=1025")
    ran = run(source, "up")
    assert (ran.result.outcome, ran.result.effects) == (Outcome.FAILED, None)
    assert ran.result.detail == (
        "UnmappableXComLengthPushed: task 'up' returned 1025 elements to map over, and core.max_map_length admits 1024"
    )
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "1025")
    assert run(source, "up").result.effects == EndEffects(map_length=1025)


OPERATORS = """
from airflow.sdk import DAG, task
from airflow.sdk import BaseOperator
class Op(BaseOperator):
    template_fields = ("x", "y")
    def __init__(self, x=None, y=None, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y = x, y
    def execute(self, context): return [self.x, self.y]
with DAG("d"):
    @task
    def up(): return [1, 2]
    found = up()
    Op.partial(task_id="t", x=found).expand(y=["{{ ds }}", "b"])
    Op.partial(task_id="v", x="{{ ti.map_index }}").expand(y=found)
    @task
    def add(a, b): return [a, b]
    add.override(task_id="w").partial(a=found).expand(b=found)
"""


@pytest.mark.parametrize(
    ("task_id", "returned"),
    [("t", [["{{ ds }}", 2], "2021-01-02"]), ("v", ["0", "{{ ds }}"]), ("w", [["{{ ds }}", 2], "{{ ds }}"])],
)
def test_operators_are_made_for_their_index(
    run: RunSource, api: ExecutionApi, task_id: str, returned: list[object]
) -> None:
    api.xcoms["d", "manual__1", "up", "return_value", "map_index=-1"] = ["{{ ds }}", 2]
    ran = run(OPERATORS, task_id, map_index=0, url=api.url)
    assert ran.result.detail is None
    assert ran.xcoms["return_value"] == returned
