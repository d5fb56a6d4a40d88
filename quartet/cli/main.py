"""The `quartet` command: puts the verbs of the other modules together; does nothing itself."""

import typer

from quartet.cli.agents import agent_app
from quartet.cli.approvals import approvals_app
from quartet.cli.audit import audit_app
from quartet.cli.canary import canary_app
from quartet.cli.cluster import cluster_app
from quartet.cli.demo import demo
from quartet.cli.doctor import doctor
from quartet.cli.eventing import write_event
from quartet.cli.keys import keys_app
from quartet.cli.operations import cases, dead_app, payments_app
from quartet.cli.policy import policy_app
from quartet.cli.runtime import generate, runtime_app, suite_app
from quartet.cli.signing_in import login, logout, speak_as, whoami
from quartet.cli.spending import budget_app, cost
from quartet.cli.tasks import submit, task_app, watch

app = typer.Typer(
    help="A suite of agents that propose, review and commit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.callback()(speak_as)
app.command("demo")(demo)
app.command("submit")(submit)
app.command("watch")(watch)
app.command("event")(write_event)
app.add_typer(task_app, name="task")
app.add_typer(approvals_app, name="approvals")
app.add_typer(payments_app, name="payments")
app.add_typer(audit_app, name="audit")
app.add_typer(agent_app, name="agent")
app.add_typer(canary_app, name="canary")
app.add_typer(budget_app, name="budget")
app.command("cost")(cost)
app.command("cases")(cases)
app.add_typer(dead_app, name="dead")
app.add_typer(keys_app, name="keys")
app.add_typer(policy_app, name="policy")
app.add_typer(runtime_app, name="runtime")
app.add_typer(suite_app, name="suite")
app.add_typer(cluster_app, name="cluster")
app.command("login")(login)
app.command("logout")(logout)
app.command("whoami")(whoami)
app.command("generate")(generate)
app.command("doctor")(doctor)
