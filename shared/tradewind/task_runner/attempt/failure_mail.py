"""The mail that a task's `email` is sent when a try fails."""

import html
from pathlib import Path
from typing import Any, Final

from tradewind.sdk.configuration import conf
from tradewind.sdk.context import Context
from tradewind.sdk.email import send_email
from tradewind.sdk.masking import MASKER
from tradewind.sdk.operator import BaseOperator

SUBJECT: Final = "Airflow alert: {{ti}}"
CONTENT: Final = """\
<p>Try {{ try_number }} of {{ max_tries + 1 }} of {{ ti.task_id }} in {{ ti.dag_id }}, run {{ ti.run_id }}, failed:</p>
<pre>{{ exception_html }}</pre>
<p>Log: <a href="{{ ti.log_url }}">{{ ti.log_url }}</a><br>Host: {{ ti.hostname }}</p>
"""


def send_failure_mail(error: BaseException | None, task: BaseOperator, context: Context) -> None:
    """Render subject and text, by `[email] subject_template` and `html_content_template` if these files exist."""
    from jinja2 import Environment

    ti: Any = context.get("ti")
    values = {
        **context,
        "exception": error,
        "exception_html": html.escape(MASKER.redact(str(error))).replace("\n", "<br>"),
        "try_number": ti.try_number,
        "max_tries": ti.max_tries,
    }
    # The text is HTML by the author's template, the exception is escaped above.
    environment = Environment()  # noqa: S701
    subject = environment.from_string(_template("subject_template", SUBJECT)).render(values)
    content = environment.from_string(_template("html_content_template", CONTENT)).render(values)
    send_email(task.email or (), " ".join(subject.split()), content)


def _template(key: str, default: str) -> str:
    name = conf.get("email", key, fallback=None)
    path = Path(name) if name else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else default
