"""The verbs `quartet cluster ...`: a local Kubernetes for tests, and what speaks to it."""

import os
from typing import Annotated

import typer

from quartet.cli.runtime import progress
from quartet.cli.speech import AsJson, cell, emit, one_line_errors, say, table, terminal
from quartet.cluster import lifecycle
from quartet.cluster.commands import Commands
from quartet.cluster.images import suite
from quartet.cluster.images.catalogue import ensure_suite
from quartet.cluster.places import Places
from quartet.cluster.tools import ensure_chart_tools

cluster_app = typer.Typer(help="A local Kubernetes for tests.", no_args_is_help=True)
_PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
Words = Annotated[list[str] | None, typer.Argument(help="Passed on as they are.")]


@cluster_app.command("up")
def up() -> None:
    """Start the cluster with Dapr on it; builds what is missing, some 30 s when all is built."""
    with one_line_errors():
        lifecycle.up(Places.of_user(), progress())


@cluster_app.command("stop")
def stop() -> None:
    """End the cluster: no process, mount, interface or control group stays."""
    with one_line_errors():
        lifecycle.down(Places.of_user())


@cluster_app.command("status")
def status(*, as_json: AsJson = False) -> None:
    """Say what runs on the cluster; exits 1 when none is up."""
    with one_line_errors():
        found = lifecycle.status(Places.of_user())
    if as_json:
        emit(found)
    else:
        _show(found)
    if not found.up:
        raise typer.Exit(1)


@cluster_app.command("tools")
def tools() -> None:
    """Build helm, helm-unittest and kubeconform if need be, and print their folder."""
    with one_line_errors():
        say(str(ensure_chart_tools(progress())))


@cluster_app.command("image")
def image(
    tag: Annotated[str | None, typer.Option(help="Tag (default: the version).")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Build the suite's image as an archive, write its bill of materials, and name both."""
    with one_line_errors():
        made = ensure_suite(Places.of_user(), progress(), tag or suite.version())
    bill = made.path.with_suffix(".cdx.json")
    if as_json:
        emit({"image": made.name, "archive": str(made.path), "bill": str(bill)})
    else:
        say(f"{made.name}\n  {made.path}\n  {bill}")


@cluster_app.command("load")
def load(
    tag: Annotated[str | None, typer.Option(help="Tag (default: the version).")] = None,
) -> None:
    """Build the suite's image from the code as it is now, and load it into the cluster."""
    with one_line_errors():
        places = Places.of_user()
        commands = Commands.of_running(places)
        made = ensure_suite(places, progress(), tag or suite.version())
        lifecycle.load(commands, (made,), progress())


@cluster_app.command("kubectl", context_settings=_PASSED_ON)
def kubectl(words: Words = None) -> None:
    """Run kubectl as the cluster's administrator."""
    _become("kubectl", words)


@cluster_app.command("helm", context_settings=_PASSED_ON)
def helm(words: Words = None) -> None:
    """Run helm as the cluster's administrator."""
    _become("helm", words)


@cluster_app.command("run", context_settings=_PASSED_ON)
def run(words: Words = None) -> None:
    """Run any command where the cluster can be reached, with kubectl and helm on its PATH."""
    _become(None, words)


def _become(program: str | None, words: list[str] | None) -> None:
    with one_line_errors():
        commands = Commands.of_running(Places.of_user())
        first = [str(commands.tools.path(program))] if program else []
        argv = commands.in_network([*first, *(words or ())])
    os.execvpe(argv[0], argv, commands.environment)  # noqa: S606  what the user asked for


def _show(found: lifecycle.Standing) -> None:
    say(f"{'up' if found.up else 'down'}")
    if not found.up:
        return
    programs = table("program", "state", "starts")
    for name, one in found.programs.items():
        programs.add_row(cell(name), cell("running" if one.runs else "ended"), str(one.starts))
    pods = table("pod", "phase")
    for name, phase in found.pods.items():
        pods.add_row(cell(name), cell(phase))
    for one_table in (programs, pods):
        terminal().print(one_table)
