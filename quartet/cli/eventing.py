"""The verb `quartet event`: a task's CloudEvent on standard output, for any broker client."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quartet.cli.inbox import client_key, event, event_id, find, request
from quartet.cli.sending import DEFAULT_GOAL
from quartet.cli.speech import Data, Told, one_line_errors
from quartet.runtime.layout import DataFolder
from quartet.runtime.shape import shape_of


def write_event(
    path: Annotated[Path, typer.Argument(help="One document, of 256 KiB at most.")],
    batch: Annotated[str | None, typer.Option(help="Name of the batch.")] = None,
    goal: Annotated[str, typer.Option(help="What to do with the document.")] = DEFAULT_GOAL,
    data: Data = None,
    *,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Do not sign: no effect is autonomous then.")
    ] = False,
) -> None:
    """Write the CloudEvent of a task, the document inside; publish it with any broker client."""
    with one_line_errors():
        document, *more = find([path])
        if more:
            raise Told(f"{path} holds {1 + len(more)} documents; an event carries one. Name it.")
        key = None if anonymous else client_key(DataFolder.named(data))
        asked = request(shape_of().pack, goal, batch, document.inline)
        typer.echo(json.dumps(event(asked, event_id(batch, document.digest), key)))
