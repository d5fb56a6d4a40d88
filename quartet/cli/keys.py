"""The verbs `quartet keys ...`; how keys are made, published and read lives in the runtime."""

import time
from typing import Annotated

import typer

from quartet.cli.speech import Data, note, one_line_errors, say
from quartet.runtime.kube.fetching import fetch
from quartet.runtime.layout import DataFolder
from quartet.runtime.service_keys import app_ids, rotate

keys_app = typer.Typer(help="Keys of services, clients and people.", no_args_is_help=True)


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


@keys_app.command("fetch")
def fetch_keys(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="Of `helm install`, or its fullnameOverride.")
    ],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where it is.")] = "default",
    data: Data = None,
) -> None:
    """Read with kubectl what commands need to speak to a release: client, issuer, people.

    The issuer is the one for development: whoever can read its Secret speaks as anybody.
    """
    folder = DataFolder.named(data)
    with one_line_errors():
        fetch(release, namespace, folder)
    say(f"The keys of {release} are in {folder.root}; QUARTET_CONSOLE says where its console is.")
