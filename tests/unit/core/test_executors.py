"""Names of executors, as Airflow writes them and as Python does, and which one gets a task."""

import pytest

from tradewind.core.errors import ConfigError
from tradewind.core.executors import configured_executors, unknown_executor

AIRFLOW_CELERY = "airflow.providers.celery.executors.celery_executor.CeleryExecutor"


@pytest.mark.parametrize(
    ("text", "name", "target"),
    [
        ("LocalExecutor", "LocalExecutor", "LocalExecutor"),
        (" CeleryExecutor ,", "CeleryExecutor", "CeleryExecutor"),
        (AIRFLOW_CELERY, "CeleryExecutor", "CeleryExecutor"),
        ("my.module.MyExecutor", "MyExecutor", "my.module:MyExecutor"),
        ("my.module:MyExecutor", "MyExecutor", "my.module:MyExecutor"),
        ("module:MyExecutor", "MyExecutor", "module:MyExecutor"),
        ("quick:LocalExecutor", "quick", "LocalExecutor"),
        ("quick:airflow.executors.local_executor.LocalExecutor", "quick", "LocalExecutor"),
        ("mine:my.module.MyExecutor", "mine", "my.module:MyExecutor"),
        ("mine:my.module:MyExecutor", "mine", "my.module:MyExecutor"),
        ("installed_one", "installed_one", "installed_one"),
    ],
)
def test_forms_of_a_name(text: str, name: str, target: str) -> None:
    (only,) = configured_executors(text).executors
    assert (only.name, only.target) == (name, target)


def test_tasks_may_use_alias_class_name_and_both_paths() -> None:
    configured = configured_executors("LocalExecutor,mine:my.module.MyExecutor,fleet:CeleryExecutor")
    for name in ("mine", "MyExecutor", "my.module.MyExecutor", "my.module:MyExecutor"):
        chosen = configured.choose(name, "default")
        assert chosen is not None
        assert chosen.name == "mine"
    celery = configured.choose(AIRFLOW_CELERY, "default")
    assert celery is not None
    assert celery.name == "fleet"
    assert configured.choose("KubernetesExecutor", "default") is None


def test_an_alias_goes_before_the_class_name_of_another() -> None:
    configured = configured_executors("a.b.LocalExecutor,CeleryExecutor,x:c.d.CeleryExecutor")
    chosen = configured.choose("CeleryExecutor", "default")
    assert chosen is not None
    assert chosen.target == "CeleryExecutor"


@pytest.mark.parametrize(
    ("executor", "queue", "chosen"),
    [
        (None, "default", "LocalExecutor"),
        (None, "big", "fleet"),
        ("LocalExecutor", "big", "LocalExecutor"),
        ("fleet", "default", "fleet"),
        ("", "big", "fleet"),
    ],
)
def test_the_task_chooses_then_its_queue_then_the_default(executor: str | None, queue: str, chosen: str) -> None:
    configured = configured_executors("LocalExecutor,fleet:CeleryExecutor", "big=fleet , huge = CeleryExecutor")
    found = configured.choose(executor, queue)
    assert found is not None
    assert found.name == chosen


@pytest.mark.parametrize(
    ("names", "queues", "told"),
    [
        ("", "", "TRADEWIND__CORE__EXECUTOR is empty: name at least one of LocalExecutor, SequentialExecutor"),
        (" , ", "", "TRADEWIND__CORE__EXECUTOR is empty"),
        ("LocalExecutor,LocalExecutor", "", "names 'LocalExecutor' twice"),
        ("LocalExecutor,quick:LocalExecutor", "", "names 'LocalExecutor' twice"),
        ("x:LocalExecutor,x:CeleryExecutor", "", "names 'x' twice"),
        ("a.b.Mine,c.d.Mine", "", "names 'Mine' twice"),
        ("quick:", "", "'quick:', which is not of the form [alias:]module.path.Class"),
        ("a:b:c:d", "", "which is not of the form"),
        ("LocalExecutor;team=CeleryExecutor", "", "teams are not supported"),
        ("LocalExecutor", "big", "EXECUTOR_QUEUES has 'big', which is not of the form queue=executor"),
        ("LocalExecutor", "big=", "not of the form queue=executor"),
        (
            "LocalExecutor",
            "big=CeleryExecutor",
            "'big' to 'CeleryExecutor', and TRADEWIND__CORE__EXECUTOR has only Loc",
        ),
    ],
)
def test_wrong_settings_are_refused_with_the_way_out(names: str, queues: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured_executors(names, queues)
    assert told in str(caught.value)


def test_an_unknown_executor_is_told_with_dag_task_and_what_there_is() -> None:
    text = unknown_executor("nightly", "load", "Mesos", configured_executors("LocalExecutor,fleet:CeleryExecutor"))
    assert text.startswith(
        "task 'load' of the DAG 'nightly' names the executor 'Mesos', and TRADEWIND__CORE__EXECUTOR has only "
        "LocalExecutor, fleet: "
    )
