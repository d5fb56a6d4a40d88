"""The verb `quartet demo`: the samples of payables through a fresh suite, from end to end."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from quartet.cli.console import connect, local_address
from quartet.cli.demonstration import PACK, Demonstration, as_json_document, run, show
from quartet.cli.interruption import Interruption, interruptible
from quartet.cli.runtime import progress
from quartet.cli.speech import AsJson, command, emit, one_line_errors
from quartet.runtime import control, suite
from quartet.runtime.build import ensure_binaries
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder, repository
from quartet.runtime.machine import data_folder_of, suite_holder
from quartet.runtime.shape import Shape, shape_of

MARKER = "made-by-quartet-demo"
PATIENCE_S = 60.0
INTERRUPTED = 130
ELSEWHERE = ("QUARTET_TASKS_URL", "QUARTET_LEDGER_URL", "QUARTET_DOCUMENTS_URL")
Got = TypeVar("Got")
Say = Callable[[str], None]


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Data folder to make anew (default: .quartet/demo).")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the samples of the payables pack from end to end on a fresh suite, and check them."""
    folder, say = DataFolder(data_folder(data)), _while_heard(progress())

    def work() -> Demonstration:
        with connect(folder, PATIENCE_S, local_address()) as console:
            return run(console, folder, say)

    with one_line_errors(), interruptible(say) as interruption:
        try:
            shown = _on_a_suite(folder, interruption, say, work)
        except KeyboardInterrupt as stopped:
            say("interrupted; nothing is left running")
            raise typer.Exit(INTERRUPTED) from stopped
    if as_json:
        emit(as_json_document(shown))
    else:
        show(shown, folder)
    if shown.faults:
        raise typer.Exit(1)


def data_folder(chosen: Path | None) -> Path:
    """Return the folder of the demo, never the one of `make run`."""
    return (chosen or repository() / ".quartet" / "demo").resolve()


def fresh(folder: DataFolder, shape: Shape) -> None:
    """Delete what an earlier demo left in a folder.

    Raises:
        SetupError: a suite runs, the books would be elsewhere, or the folder holds something that
            no demo made.

    """
    if elsewhere := [name for name in ELSEWHERE if name in os.environ]:
        raise SetupError(f"Unset {', '.join(elsewhere)}: the demo keeps all in a fresh folder.")
    holder = suite_holder()
    running = data_folder_of(holder) if holder else None
    if running is None and suite.find(folder, shape):
        running = folder.root
    if holder or running:
        stop = f"{command()} suite down --data {running or '<its data folder>'}"
        raise SetupError(f"A suite runs already. Stop it with `{stop}`, then start the demo again.")
    root = folder.root
    if root.exists() and not root.is_dir():
        raise SetupError(f"{root} is no folder. Name another with --data.")
    if root.exists() and any(root.iterdir()) and not (root / MARKER).exists():
        raise SetupError(f"{root} holds what no demo made. Empty it, or name another with --data.")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True, mode=0o700)
    (root / MARKER).touch()


def _on_a_suite(
    folder: DataFolder, interruption: Interruption, say: Say, work: Callable[[], Got]
) -> Got:
    """Do the work on a fresh suite; whatever happens, none of its processes is left."""
    shape = shape_of(PACK)
    fresh(folder, shape)
    ensure_binaries(say)
    try:
        try:
            with interruption.held_back():
                control.up(folder, shape.apps, say)
                started = suite.start(folder, shape, repository() / "dapr.yaml")
            started.wait_until_ready(say)
            return work()
        finally:
            interruption.close()
    finally:
        if running := suite.find(folder, shape):
            running.stop(say)
        control.down(folder, say)


def _while_heard(say: Say) -> Say:
    """Return a voice that goes on where nobody listens any more, as after a hang-up."""

    def tell(text: str) -> None:
        with suppress(OSError):
            say(text)

    return tell
