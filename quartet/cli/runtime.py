"""The verbs `quartet runtime ...`, `quartet suite ...` and `quartet generate`."""

import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import typer

from quartet.cli.speech import AsJson, Data, one_line_errors
from quartet.packs.canary import canary_of
from quartet.runtime import control, suite
from quartet.runtime.build import ensure_binaries
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder
from quartet.runtime.manifests import (
    chart_out_of_date,
    out_of_date,
    run_file_of,
    write,
    write_chart,
)
from quartet.runtime.redis import find_server
from quartet.runtime.shape import running_canaries, shape_of

runtime_app = typer.Typer(help="The local control plane: Dapr, Redis.", no_args_is_help=True)
suite_app = typer.Typer(help="The services, run by `dapr run -f .`.", no_args_is_help=True)


def progress() -> Callable[[str], None]:
    """Return a function that says one progress line on stderr, with seconds since now."""
    began = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    return say


@runtime_app.command("up")
def up(data: Data = None) -> None:
    """Start Redis and the control plane; print the `export` lines to `eval`."""
    folder = DataFolder.named(data)
    with one_line_errors():
        control.up(folder, shape_of().apps, progress())
    for line in control.exports(folder):
        typer.echo(line)


@runtime_app.command("build")
def build() -> None:
    """Build the pinned Dapr and get a Redis binary, unless they are here."""
    with one_line_errors():
        ensure_binaries(progress())
        find_server()


@runtime_app.command("down")
def down(data: Data = None) -> None:
    """Stop Redis and the control plane."""
    with one_line_errors():
        control.down(DataFolder.named(data), progress())


@runtime_app.command("status")
def status(data: Data = None, *, as_json: AsJson = False) -> None:
    """Say what runs; exits 1 when the control plane is not up."""
    found = control.status(DataFolder.named(data))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        typer.echo(f"{'up' if found['up'] else 'down'}  {found['data']}")
        for name, program in found["programs"].items():
            state = "not ready" if name in found["not_ready"] else "ready"
            typer.echo(f"  {name}: {state}, pid {program['pid']}, restarts {program['restarts']}")
    if not found["up"]:
        raise typer.Exit(1)


@suite_app.command("up")
def suite_up(
    data: Data = None,
    pack: Annotated[
        str | None, typer.Option(envvar="QUARTET_PACK", help="Whose suite (default: payables).")
    ] = None,
    canary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="APP[=FOLDER]",
            help="Run a specialist's canary too, with the prompts of a folder; may repeat.",
        ),
    ] = None,
) -> None:
    """Start control plane and services, and return when all are ready."""
    folder, say = DataFolder.named(data), progress()
    with one_line_errors():
        prompts = dict(one.partition("=")[::2] for one in canary or ())
        shape = shape_of(pack, tuple(prompts) or None)
        if suite.find(folder, shape):
            shape = shape_of(pack, as_it_runs(folder, prompts))
        env = {
            canary_of(base): {"QUARTET_PROMPTS": str(Path(own).resolve())}
            for base, own in prompts.items()
            if own
        }
        control.up(folder, shape.apps, say)
        running = suite.find(folder, shape) or suite.start(
            folder, shape, run_file_of(shape, folder.root / "manifests", env)
        )
        running.wait_until_ready(say)


def as_it_runs(data: DataFolder, wanted: Collection[str]) -> tuple[str, ...]:
    """Return the canaries of the suite that runs; raises SetupError for one that it has not."""
    running = running_canaries(data)
    if lacking := set(wanted) - set(running):
        raise SetupError(
            f"The suite runs already, without a canary of {', '.join(sorted(lacking))}: "
            "`make stop` stops it."
        )
    return running


@suite_app.command("down")
def suite_down(data: Data = None) -> None:
    """Stop services and control plane."""
    folder, say = DataFolder.named(data), progress()
    with one_line_errors():
        running = suite.find(folder, shape_of())
        if running:
            running.stop(say)
        control.down(folder, say)


def generate(
    *, check: Annotated[bool, typer.Option(help="Only compare; exit 1 if out of date.")] = False
) -> None:
    """Write dapr.yaml, components/, config/ and the chart's data from the packs and the matrix."""
    with one_line_errors():
        shape = shape_of(canaries=())
        if check:
            paths = [*out_of_date(shape), *chart_out_of_date()]
        else:
            paths = [*write(shape), *write_chart()]
    for path in paths:
        typer.echo(f"{'out of date' if check else 'wrote'} {path}")
    if check and paths:
        typer.echo("Run `quartet generate`.", err=True)
        raise typer.Exit(1)
