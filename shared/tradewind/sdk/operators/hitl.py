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
        for _, param in self.params.params():
            param.source = param.source or "task"
        self.notifiers = [notifiers] if isinstance(notifiers, BaseNotifier) else list(notifiers or [])
        self.assigned_users: Any = [assigned_users] if isinstance(assigned_users, dict) else assigned_users
        self.response_timeout = response_timeout or self.execution_timeout
        if self.execution_timeout and not response_timeout:
            self.execution_timeout = None  # of the wait, then; it must not end the asking
        self.hitl_summary_extra: dict[str, Any] = {}
        self.validate_options()
        self.validate_params()
        self.validate_defaults()

    def validate_options(self) -> None:
        """There must be some; raises ValueError."""
        if not self.options:
            raise ValueError(f'Task {self.task_id!r}: "options" cannot be empty.')

    def validate_params(self) -> None:
        """One name is not free; raises ValueError. Values are a person's to give, later."""
        if "_options" in self.params:
            raise ValueError(f'Task {self.task_id!r}: "_options" is not allowed in params')

    def validate_defaults(self) -> None:
        """They must be options, and only one of them unless several may be chosen; raises ValueError."""
        unknown = [default for default in self.defaults or () if default not in self.options]
        if unknown:
            raise ValueError(f"Task {self.task_id!r}: defaults {unknown} are not among the options {self.options}")
        if not self.multiple and len(self.defaults or ()) > 1:
            raise ValueError(f'Task {self.task_id!r}: more than one default, but "multiple" is False')

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The form's fields: name → value, schema, description."""
        return {name: param.dump() for name, param in self.params.params()}

    @property
    def hitl_summary(self) -> dict[str, Any]:
        """The question, and what became of it, for listeners; made anew each time."""
        question = self._question()
        params = question.pop("params")
        return {**question, "serialized_params": params or None, **self.hitl_summary_extra}

    def _question(self) -> dict[str, Any]:
        return {
            "options": list(self.options),
            "subject": self.subject,
            "body": self.body,
            "defaults": self.defaults,
            "multiple": self.multiple,
            "params": self.serialized_params,
            "assigned_users": self.assigned_users,
        }

    def execute(self, context: Any) -> Any:
        """Put the question, tell whoever is to be told, wait."""
        limit = self.response_timeout
        until = timezone.utcnow() + limit if limit else None
        self.hitl_summary_extra["timeout_datetime"] = until.isoformat() if until else None
        self.log.info("Waiting for response")
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(method_name="execute_complete", timeout=limit, human_input=self._question())

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer: `chosen_options`, `params_input`, `responded_at`, `responded_by_user`."""
        if "error" in event:
            self.hitl_summary_extra["error_type"] = event.get("error_type")
            self.process_trigger_event_error(event)
        answer: dict[str, Any] = {
            "chosen_options": event["chosen_options"],
            "params_input": dict(event.get("params_input") or {}),
            "responded_at": event.get("responded_at") or timezone.utcnow(),
            "responded_by_user": event.get("responded_by_user"),
        }
        self.validate_chosen_options(answer["chosen_options"])
        self.validate_params_input(answer["params_input"])
        self.hitl_summary_extra.update({**answer, "responded_at": answer["responded_at"].isoformat()})
        return answer

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Fail: nobody answered in time (HITLTimeoutError), or the wait ended otherwise (HITLTriggerEventError)."""
        is_late = event.get("error_type") == "timeout"
        raise (HITLTimeoutError if is_late else HITLTriggerEventError)(str(event["error"]))

    def validate_chosen_options(self, chosen_options: list[str]) -> None:
        """They must be options; raises ValueError."""
        wrong = [option for option in chosen_options if option not in self.options]
        if wrong:
            raise ValueError(f"Responses {wrong} not in {self.options}")

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Take over what was typed: the whole form or nothing, each value as its schema says; raises ValueError or
        ParamValidationError."""
        if self.params and params_input and params_input.keys() != dict(self.params).keys():
            raise ValueError(f"params_input {dict(params_input)} does not match params {list(self.params)}")
        for name, value in params_input.items():
            self.params[name] = value

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
    FIXED_ARGS: ClassVar[Sequence[str]] = ("options", "multiple")
    APPROVE: ClassVar[str] = "Approve"
    REJECT: ClassVar[str] = "Reject"

    def __init__(
        self, *, ignore_downstream_trigger_rules: bool = False, fail_on_reject: bool = False, **kwargs: Any
    ) -> None:
        for fixed in self.FIXED_ARGS:
            if fixed in kwargs:
                raise ValueError(f"Passing {fixed} to ApprovalOperator is not allowed.")
        self.ignore_downstream_trigger_rules, self.fail_on_reject = ignore_downstream_trigger_rules, fail_on_reject
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)
        self.hitl_summary_extra["ignore_downstream_trigger_rules"] = ignore_downstream_trigger_rules
        self.hitl_summary_extra["fail_on_reject"] = fail_on_reject

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on, skip or fail."""
        answer = super().execute_complete(context, event)
        is_approved = answer["chosen_options"][0] == self.APPROVE
        self.hitl_summary_extra["approved"] = is_approved
        if is_approved:
            self.log.info("Approved. Proceeding with downstream tasks...")
            return answer
        if self.fail_on_reject:
            raise HITLRejectException(f"Received {self.REJECT!r}")
        task = context["task"]
        far = self.ignore_downstream_trigger_rules
        behind: list[Any] = (task.get_flat_relatives if far else task.get_direct_relatives)(upstream=False)
        self.log.info("Rejected. Skipping what is behind...")
        self.skip(context["ti"], [other for other in behind if not other.is_teardown])
        return answer


class HITLBranchOperator(HITLOperator, BranchMixIn):
    """Asks which of the tasks behind it to go on with; `options_mapping` names them otherwise to people."""

    inherits_from_skipmixin = True

    def __init__(self, *, options_mapping: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = options_mapping or {}
        self.validate_options_mapping()
        self.hitl_summary_extra["options_mapping"] = self.options_mapping

    def validate_options_mapping(self) -> None:
        """From options, to texts; raises ValueError."""
        unknown = sorted(option for option in self.options_mapping if option not in self.options)
        if unknown:
            raise ValueError(
                f"Task {self.task_id!r}: `options_mapping` contains keys that are not in `options`: {unknown}"
            )
        wrong = {name: value for name, value in self.options_mapping.items() if not isinstance(value, str)}  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        if wrong:
            raise ValueError(f"Task {self.task_id!r}: `options_mapping` values must be strings (task_ids): {wrong}")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Follow the chosen branches."""
        answer = super().execute_complete(context, event)
        chosen: list[str] = answer["chosen_options"]
        branches = [self.options_mapping.get(name, name) for name in chosen]
        self.hitl_summary_extra["branches_to_execute"] = branches
        return self.do_branch(context, branches)


class HITLEntryOperator(HITLOperator):
    """Asks to fill in a form; the one option is "OK" unless told otherwise."""

    OK: ClassVar[str] = "OK"

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"] = [self.OK]
            kwargs.setdefault("defaults", [self.OK])
        super().__init__(**kwargs)
