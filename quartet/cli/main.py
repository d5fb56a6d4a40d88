"""The `quartet` command: puts the verbs of the other modules together; does nothing itself."""

import typer

from quartet.cli.runtime import generate, runtime_app, suite_app
from quartet.cli.tasks import submit, task_app, watch

app = typer.Typer(
    help="A suite of agents that propose, review and commit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("submit")(submit)
app.command("watch")(watch)
app.add_typer(task_app, name="task")
app.add_typer(runtime_app, name="runtime")
app.add_typer(suite_app, name="suite")
app.command("generate")(generate)
