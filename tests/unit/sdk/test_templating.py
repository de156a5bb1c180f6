"""Rendering templated fields."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import jinja2
import pytest

from tradewind.sdk import DAG, BaseOperator, ObjectStoragePath, literal
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.templater import Templater

CONTEXT = cast("Context", {"ds": "2021-01-01", "n": 5, "when": datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC), "none": None})


class Pair(NamedTuple):
    one: str
    two: str


def _twice(text: str) -> str:
    return text * 2


def _render(value: object, **dag: Any) -> Any:
    with DAG("d", **dag):
        task = PythonOperator(task_id="t", python_callable=print, op_args=[value])
    task.render_template_fields(CONTEXT)
    return next(iter(task.op_args))


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("plain", "plain"),
        ("{{ ds }} {{ n + 1 }}", "2021-01-01 6"),
        ("{% if n > 3 %}big{% endif %}{# note #}", "big"),
        ("one\r\ntwo\n", "one\ntwo"),
        ("{{ when | ds }} {{ when | ds_nodash }} {{ when | ts_nodash }}", "2021-01-02 20210102 20210102T030405"),
        ("{{ when | ts }} {{ when | ts_nodash_with_tz }}", "2021-01-02T03:04:05+00:00 20210102T030405+0000"),
        ("{{ none | ds }}", "None"),
        (["{{ n }}", ("{{ n }}", {"k": "{{ n }}"})], ["5", ("5", {"k": "5"})]),
        (Pair("{{ n }}", "x"), Pair("5", "x")),
        ({"{{ n }}"}, {"5"}),
        (5, 5),
        (None, None),
        (Path("{{ n }}"), Path("{{ n }}")),
        (literal("{{ n }}"), "{{ n }}"),
    ],
)
def test_values(template: object, rendered: object) -> None:
    assert _render(template) == rendered


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'nothing' is undefined"):
        _render("{{ nothing }}")
    assert _render("{{ nothing }}", template_undefined=jinja2.Undefined) == ""


def test_internals_of_python_are_closed() -> None:
    with pytest.raises(jinja2.exceptions.SecurityError):
        _render("{{ ''.__class__.__mro__ }}")


def test_native_mode_gives_python_values() -> None:
    assert _render("{{ n }}", render_template_as_native_obj=True) == 5
    assert _render("[1, 2]", render_template_as_native_obj=True) == [1, 2]
    with DAG("d", render_template_as_native_obj=True):
        task = BashOperator(task_id="t", bash_command="{{ n }}", render_template_as_native_obj=False)
    task.render_template_fields(CONTEXT)
    assert task.bash_command == "5"


def test_macros_and_filters_of_the_dag() -> None:
    dag: dict[str, Any] = {"user_defined_macros": {"m": 7}, "user_defined_filters": {"twice": _twice}}
    assert _render("{{ m }} {{ 'ab' | twice }}", **dag) == "7 abab"


def test_syntax_of_the_dag() -> None:
    options = {"variable_start_string": "<<", "variable_end_string": ">>"}
    assert _render("<< n >> {{ n }}", jinja_environment_kwargs=options) == "5 {{ n }}"
    assert _render("a\n", jinja_environment_kwargs={"keep_trailing_newline": True}) == "a\n"


def test_files_are_found_beside_the_dag_and_on_the_search_path(tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_text("echo {{ ds }}\n")
    with DAG("d", template_searchpath=str(tmp_path)):
        task = BashOperator(task_id="t", bash_command="script.sh")
    task.resolve_template_files()
    task.render_template_fields(CONTEXT)
    assert task.bash_command == "echo 2021-01-01"


def test_missing_file_is_named() -> None:
    with DAG("d"):
        task = BashOperator(task_id="t", bash_command="no_such.sh")
    with pytest.raises(AirflowException, match=r"Task 't' names the template file 'no_such\.sh'"):
        task.resolve_template_files()


def test_field_that_does_not_exist_is_named() -> None:
    class Wrong(BaseOperator):
        template_fields = ("nowhere",)

    with DAG("d"):
        task = Wrong(task_id="t")
    with pytest.raises(AirflowException, match="'nowhere' is named in template_fields of Wrong"):
        task.render_template_fields(CONTEXT)


def test_template_fields_of_objects_are_rendered() -> None:
    class Inner:
        template_fields = ("text",)

        def __init__(self) -> None:
            self.text = "{{ n }}"

    assert _render(Inner()).text == "5"


def test_value_that_contains_itself_ends() -> None:
    value: list[object] = ["{{ n }}"]
    value.append(value)
    assert _render(value)[0] == "5"


def test_no_library_is_loaded_for_plain_texts() -> None:
    code = """
import sys
from tradewind.sdk import DAG
from tradewind.sdk.operators.bash import BashOperator
import tradewind.task_runner.attempt.execute
with DAG("d"):
    task = BashOperator(task_id="t", bash_command="true")
task.render_template_fields({})
print([name for name in ("jinja2", "pendulum", "ssl", "asyncio", "jsonschema", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _greeting(context: Context, jinja_env: jinja2.Environment) -> str:
    return jinja_env.from_string("hello on {{ ds }}").render(context)


def test_function_in_a_field_is_called_for_its_value() -> None:
    with DAG("d"):
        task = BashOperator(task_id="t", bash_command=cast("Any", _greeting))
    task.render_template_fields(CONTEXT)
    assert task.bash_command == "hello on 2021-01-01"


def test_what_cannot_be_rendered_is_named_and_masked() -> None:
    with DAG("d"):
        task = BashOperator(task_id="t", bash_command="true", env={"password": "{{ nobody }}"})
    with pytest.raises(jinja2.UndefinedError) as caught:
        task.render_template_fields(CONTEXT)
    note = f"while the field 'env' of {task!r} was rendered: {{'password': '***'}}"
    assert caught.value.__notes__ == [note]


def test_object_storage_paths_are_templates() -> None:
    path = _render(ObjectStoragePath("file:///data/{{ ds }}/rows.csv"))
    assert str(path) == "file:///data/2021-01-01/rows.csv"


class Letter(Templater):
    template_fields = ("text", "parts")
    template_ext = (".txt",)

    def __init__(self, text: str, parts: list[str]) -> None:
        self.text, self.parts = text, parts


def test_any_object_can_have_templated_fields() -> None:
    letter = Letter("{{ n }} {{ shout('x') }}", ["{{ ds }}"])
    dag = DAG("d", user_defined_macros={"shout": str.upper})
    letter.render_template_fields(cast("Context", {**CONTEXT, "dag": dag}))
    assert (letter.text, letter.parts) == ("5 X", ["2021-01-01"])
    assert letter.render_template(["{{ n }}"], CONTEXT) == ["5"]


def test_template_file_that_nobody_finds_is_named() -> None:
    with pytest.raises(AirflowException, match=r"Letter names the template file 'no\.txt', which is not found"):
        Letter("no.txt", []).resolve_template_files()
