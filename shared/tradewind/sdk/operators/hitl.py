"""Operators that ask a person, and go on with the answer."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from tradewind.sdk import timezone
from tradewind.sdk.exceptions import TaskAwaitingInput
from tradewind.sdk.notifier import BaseNotifier
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.branch import BranchMixIn
from tradewind.sdk.operators.skipping import SkipMixin
from tradewind.sdk.param import ParamsDict
from tradewind.sdk.standard_exceptions import HITLRejectException, HITLTimeoutError, HITLTriggerEventError


class HITLOperator(BaseOperator):
    """Asks a person to choose among `options` and to fill in `params`; waits without a slot. After
    `response_timeout` the `defaults` are taken, or the task fails."""

    template_fields: Sequence[str] = ("subject", "body")

    def __init__(
        self,
        *,
        subject: str,
        options: list[str],
        body: str | None = None,
        defaults: str | list[str] | None = None,
        multiple: bool = False,
        params: Any = None,
        notifiers: Sequence[BaseNotifier] | BaseNotifier | None = None,
        assigned_users: Any = None,
        response_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subject, self.body, self.options, self.multiple = subject, body, options, multiple
        self.defaults = [defaults] if isinstance(defaults, str) else defaults
        self.params = params if isinstance(params, ParamsDict) else ParamsDict(params or {})
        self.notifiers = [notifiers] if isinstance(notifiers, BaseNotifier) else list(notifiers or [])
        self.assigned_users: Any = [assigned_users] if isinstance(assigned_users, dict) else assigned_users
        self.response_timeout = response_timeout or self.execution_timeout
        if self.execution_timeout is not None and response_timeout is None:
            self.execution_timeout = None
        self.hitl_summary_extra: dict[str, Any] = {}
        self._check_question()

    def _check_question(self) -> None:
        where = f"Task {self.task_id!r}"
        if not self.options:
            raise ValueError(f'{where}: "options" cannot be empty.')
        if "_options" in self.params:
            raise ValueError(f'{where}: "_options" is not allowed in params')
        unknown = [default for default in self.defaults or () if default not in self.options]
        if unknown:
            raise ValueError(f"{where}: defaults {unknown} are not among the options {self.options}")
        if not self.multiple and len(self.defaults or ()) > 1:
            raise ValueError(f'{where}: more than one default, but "multiple" is False')

    @property
    def hitl_summary(self) -> dict[str, Any]:
        """The question, and what became of it, for listeners."""
        return {**self._question(), **self.hitl_summary_extra}

    def _question(self) -> dict[str, Any]:
        return {
            "options": list(self.options),
            "subject": self.subject,
            "body": self.body,
            "defaults": self.defaults,
            "multiple": self.multiple,
            "params": {name: param.dump() for name, param in self.params.params()},
            "assigned_users": self.assigned_users,
        }

    def execute(self, context: Any) -> Any:
        """Put the question, tell whoever is to be told, wait."""
        self.log.info("Waiting for response")
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(
            method_name="execute_complete", timeout=self.response_timeout, human_input=self._question()
        )

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer: `chosen_options`, `params_input`, `responded_at`, `responded_by_user`."""
        if "error" in event:
            kind = HITLTimeoutError if event.get("error_type") == "timeout" else HITLTriggerEventError
            raise kind(str(event["error"]))
        chosen: list[str] = event["chosen_options"]
        given: Mapping[str, Any] = event.get("params_input") or {}
        wrong = [option for option in chosen if option not in self.options]
        if wrong:
            raise ValueError(f"Responses {wrong} not in {self.options}")
        if self.params and given and dict.fromkeys(given) != {key: None for key in given if key in self.params}:
            raise ValueError(f"params_input {given} does not match params {list(self.params)}")
        for key, value in given.items():
            self.params[key] = value
        answer = {
            "chosen_options": chosen,
            "params_input": dict(given),
            "responded_at": event.get("responded_at") or timezone.utcnow(),
            "responded_by_user": event.get("responded_by_user"),
        }
        self.hitl_summary_extra.update(answer)
        return answer

    def generate_link_to_ui(
        self,
        *,
        task_instance: Any,
        base_url: str | None = None,
        options: str | list[str] | None = None,
        params_input: dict[str, Any] | None = None,
    ) -> str:
        """The address of the page on which to answer, with an answer filled in if one is given."""
        from tradewind.sdk.configuration import conf

        chosen = [options] if isinstance(options, str) else options or []
        unknown = [option for option in chosen if option not in self.options]
        unknown += [name for name in params_input or () if name not in self.params]
        if unknown:
            raise ValueError(f"{unknown} are not valid options or params")
        base = base_url or conf.get("api", "base_url", fallback=None)
        if not base:
            raise ValueError("Not able to retrieve base_url")
        scheme, host, *_ = urlsplit(base)
        ti = task_instance
        path = f"/dags/{ti.dag_id}/runs/{ti.run_id}/tasks/{ti.task_id}/required_actions"
        query = {**({"_options": chosen} if chosen else {}), **(params_input or {}), "map_index": ti.map_index}
        return urlunsplit((scheme, host, path, urlencode(query), ""))

    @staticmethod
    def generate_link_to_ui_from_context(*, context: Any, **kwargs: Any) -> str:
        """The same, for the task that is running."""
        task = context["task"]
        if not isinstance(task, HITLOperator):
            raise ValueError("This method only supports HITLOperator")
        return task.generate_link_to_ui(task_instance=context["task_instance"], **kwargs)


class ApprovalOperator(HITLOperator, SkipMixin):
    """Asks to approve or to reject; what is behind a rejection is skipped, or the task fails (`fail_on_reject`)."""

    inherits_from_skipmixin = True
    APPROVE: ClassVar[str] = "Approve"
    REJECT: ClassVar[str] = "Reject"

    def __init__(
        self, *, ignore_downstream_trigger_rules: bool = False, fail_on_reject: bool = False, **kwargs: Any
    ) -> None:
        for fixed in ("options", "multiple"):
            if fixed in kwargs:
                raise ValueError(f"Passing {fixed} to ApprovalOperator is not allowed.")
        self.ignore_downstream_trigger_rules, self.fail_on_reject = ignore_downstream_trigger_rules, fail_on_reject
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on, skip or fail."""
        answer = super().execute_complete(context, event)
        if answer["chosen_options"] == [self.APPROVE]:
            self.log.info("Approved. Proceeding with downstream tasks...")
            return answer
        if self.fail_on_reject:
            raise HITLRejectException('Receive "Reject"')
        far = self.ignore_downstream_trigger_rules
        behind = self.get_flat_relative_ids(upstream=False) if far else self.downstream_task_ids
        self.log.info("Rejected. Skipping what is behind...")
        self.skip(context["ti"], [task for task in self.dag.tasks if task.task_id in behind])
        return answer


class HITLBranchOperator(HITLOperator, BranchMixIn):
    """Asks which of the tasks behind it to go on with; `options_mapping` names them otherwise to people."""

    inherits_from_skipmixin = True

    def __init__(self, *, options_mapping: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = options_mapping or {}
        unknown = [option for option in self.options_mapping if option not in self.options]
        if unknown:
            raise ValueError(f"Task {self.task_id!r}: options_mapping has {unknown}, which are no options")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Follow the chosen branches."""
        answer = super().execute_complete(context, event)
        chosen: list[str] = answer["chosen_options"]
        return self.do_branch(context, [self.options_mapping.get(name, name) for name in chosen])


class HITLEntryOperator(HITLOperator):
    """Asks to fill in a form; the one option is "OK" unless told otherwise."""

    OK: ClassVar[str] = "OK"

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"], kwargs["defaults"] = [self.OK], [self.OK]
        super().__init__(**kwargs)
