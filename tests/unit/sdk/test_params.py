"""Params and their values in a run."""

from typing import Any

import msgspec
import pytest

from tradewind.core.spec import DagSpec
from tradewind.sdk import DAG, Param, ParamsDict
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import ParamValidationError
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.param import process_params
from tradewind.sdk.serialize import serialize_dag


def test_plain_values_become_params() -> None:
    params = ParamsDict({"a": 1, "b": Param("x", type="string", description="text")})
    assert (params["a"], params["b"], params.dump()) == (1, "x", {"a": 1, "b": "x"})
    dumped = {"value": "x", "schema": {"type": "string"}, "description": "text", "source": None}
    assert params.get_param("b").dump() == dumped
    assert [(name, param.description) for name, param in params.items()] == [("a", None), ("b", "text")]
    assert params == {"a": 1, "b": "x"} == ParamsDict(params)


def test_params_of_another_dict_replace_what_is_declared() -> None:
    params = ParamsDict({"n": Param(1, type="integer"), "other": 2})
    params.update(ParamsDict({"n": Param("x", type="string")}))
    assert params.dump() == {"n": "x", "other": 2}
    with pytest.raises(ParamValidationError, match="Invalid input for param n: 5 is not of type 'string'"):
        params.update({"n": 5})


def test_assignment_is_validated() -> None:
    params = ParamsDict({"n": Param(1, type="integer", minimum=1)})
    params["n"] = 5
    with pytest.raises(ParamValidationError, match=r"Invalid input for param n: 0 is less than the minimum"):
        params["n"] = 0
    assert params["n"] == 5


def test_value_must_be_json() -> None:
    with pytest.raises(ParamValidationError, match="json-serializable"):
        Param({1, 2})


def test_missing_value_is_an_error_only_when_resolved() -> None:
    params = ParamsDict({"n": Param(type="integer")})
    assert params.dump() == {"n": None}
    with pytest.raises(ParamValidationError, match="no default value"):
        params.validate()


def test_conf_overrides_task_overrides_dag() -> None:
    with DAG("d", params={"a": 1, "b": 1, "c": 1}) as dag:
        task = EmptyOperator(task_id="t", params={"b": 2, "c": 2})
    assert process_params(dag, task.params, {"c": 3, "extra": True}) == {"a": 1, "b": 2, "c": 3, "extra": True}
    assert dag.params.dump() == {"a": 1, "b": 1, "c": 1}


def test_conf_is_left_out_if_the_deployment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS", "False")
    assert process_params(DAG("d", params={"a": 1}), {}, {"a": 2, "b": 3}) == {"a": 1}


def test_conf_must_fit_the_schema() -> None:
    dag = DAG("d", params={"n": Param(1, type="integer")})
    with pytest.raises(ParamValidationError, match="Invalid input for param n: 'x' is not of type 'integer'"):
        process_params(dag, {}, {"n": "x"})


def test_formats_are_checked() -> None:
    dag = DAG("d", params={"day": Param("2021-01-01", type="string", format="date")})
    with pytest.raises(ParamValidationError, match="'yesterday' is not a 'date'"):
        process_params(dag, {}, {"day": "yesterday"})


@pytest.mark.parametrize("text", ["P1D", "P2W", "P1Y2M3DT4H5M6S", "PT1.5S", "-P1D"])
def test_durations(text: str) -> None:
    assert Param(text, type="string", format="duration").resolve() == text


@pytest.mark.parametrize("text", ["P", "PT", "P1DT", "P1D2M", "P1W1D", "1D", "P1S", "a day"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ParamValidationError, match="is not a 'duration'"):
        Param(text, type="string", format="duration").resolve()


def test_schema_that_is_none_is_named() -> None:
    with pytest.raises(ParamValidationError, match="Invalid input for param n: 'int' is not valid under any of"):
        ParamsDict({"n": Param(1, type="int")}).validate()


def test_reference_to_a_param_resolves_in_the_run() -> None:
    dag = DAG("d")
    reference = dag.param("limit", 5)

    class Run:
        conf: dict[str, object]

    run = Run()
    run.conf = {}
    context: Context = {"dag_run": run, "params": {}}
    assert reference.resolve(context) == 5
    run.conf = {"limit": 9}
    assert reference.resolve(context) == 9
    with pytest.raises(ParamValidationError, match="'other'"):
        dag.param("other").resolve(context)


def test_keys_of_a_schema_are_texts_in_the_spec() -> None:
    labels = {1: "one", None: "nothing"}
    with DAG("d", params={"p": Param(1, type=["number", "null"], values_display=labels)}) as dag:
        pass
    spec = serialize_dag(dag, "file.py")
    param: Any = spec.params["p"]
    assert param["schema"]["values_display"] == {"1": "one", "null": "nothing"}
    assert msgspec.json.decode(msgspec.json.encode(spec), type=DagSpec) == spec
