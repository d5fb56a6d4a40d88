"""The verb `quartet keys rotate`; how keys are made and published lives in the runtime."""

import time
from typing import Annotated

import typer

from quartet.cli.speech import Data, note, one_line_errors, say
from quartet.runtime.layout import DataFolder
from quartet.runtime.service_keys import app_ids, rotate

keys_app = typer.Typer(help="The keys that services sign with.", no_args_is_help=True)


@keys_app.callback()
def _keys() -> None:
    """Keep `rotate` a verb of its own while it is the only one."""


@keys_app.command("rotate")
def rotate_keys(
    app_id: Annotated[str, typer.Argument(metavar="[APP]", help="Default: every app-id.")] = "",
    data: Data = None,
    *,
    leaked: Annotated[
        bool, typer.Option(help="Refuse at once what the old keys have signed.")
    ] = False,
) -> None:
    """Give an app-id a new seed; keys change by themselves every day, so this is for a leak."""
    folder = DataFolder.named(data)
    with one_line_errors():
        chosen = [app_id] if app_id else app_ids(folder)
        for one in chosen:
            rotate(folder, one, time.time(), leaked=leaked)
            say(f"{one}: new seed; its old keys ended now")
    note(
        f"Restart {', '.join(chosen) or 'nothing'} with its sidecar: until then it signs with a "
        "key that ended, and is refused" + ("." if leaked else " ten minutes from now.")
    )
