"""`Templater`: what any object of an author needs to have templated fields."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from tradewind.sdk.templating import (
    Templates,
    read_template_files,
    render_fields,
    render_value,
    templates_of,
    templates_with,
)

if TYPE_CHECKING:
    import jinja2

    from tradewind.sdk.context import Context
    from tradewind.sdk.dags import DAG


class Templater:
    """Renders fields named in `template_fields`; a text that ends in one of `template_ext` names a template file."""

    template_fields: Collection[str] = ()
    template_ext: Sequence[str] = ()

    def templates(self, dag: "DAG | None" = None) -> Templates:
        """How templates are rendered: as the DAG says, if there is one."""
        return templates_of(dag, native=dag is not None and dag.render_template_as_native_obj)

    def get_template_env(self, dag: "DAG | None" = None) -> "jinja2.Environment":
        """The environment in which they are rendered."""
        return self.templates(dag).environment

    def prepare_template(self) -> None:
        """Override to change templated fields before they are rendered."""

    def resolve_template_files(self) -> None:
        """Put the texts of files that fields name in their place, then call `prepare_template`."""
        read_template_files(self)
        self.prepare_template()

    def render_template_fields(self, context: "Context", jinja_env: "jinja2.Environment | None" = None) -> None:
        """Render all fields in place."""
        dag = context.get("dag")
        templates = self.templates(dag) if jinja_env is None else templates_with(jinja_env)
        render_fields(self, self.template_fields, context, templates)

    def render_template(self, content: Any, context: "Context", jinja_env: "jinja2.Environment | None" = None) -> Any:
        """Render one value, inside collections too."""
        templates = self.templates(context.get("dag")) if jinja_env is None else templates_with(jinja_env)
        return render_value(content, context, templates, tuple(self.template_ext))
