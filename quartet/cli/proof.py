"""Proves a running suite with one real document: `python -m quartet.cli.proof`, for `helm test`.

Loads the sample books, submits one sample through the console and the broker as anybody would, and
ends with status 1 unless it comes to the end that the samples' own table says: a payment, or, where
that was made already, a duplicate.
"""

import os
import secrets
import sys
from collections.abc import Callable
from typing import Any

from quartet.cli.console import Console, connect
from quartet.cli.expected import faults, read
from quartet.cli.inbox import client_key, find
from quartet.cli.report import manifest_of, name_of, rows
from quartet.cli.sending import Manner, send
from quartet.cli.speech import Told, say
from quartet.cli.waiting import Wanted, until_rest
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder, repository

PACK, SAMPLE, NUMBER = "payables", "document-04.xml", "INV-2026/06095"
AGAIN = "duplicate"
GOAL = "Check this invoice and propose what is to be done with it."
PATIENCE_S = 60.0


def main() -> None:
    """Run the proof; exits with one line when it fails."""
    within_s = float(os.environ.get("QUARTET_PROOF_S") or 120)
    try:
        folder = DataFolder.named()
        with connect(folder, PATIENCE_S) as console:
            wrong = prove(console, folder, within_s, say)
    except (Told, SetupError) as error:
        sys.exit(str(error))
    if wrong:
        sys.exit(f"{SAMPLE}: {wrong}")
    say(f"{SAMPLE} came to its end as expected.")


def prove(
    console: Console, folder: DataFolder, within_s: float, tell: Callable[[str], None]
) -> str:
    """Submit the sample and wait for its end; return what is wrong with it, or nothing.

    Raises Told when the suite does not answer, or the task does not end in time.
    """
    samples = repository() / "packs" / PACK / "samples"
    console.operate("load_sample_books", {})
    again = _is_paid(console)
    # Each proof is a batch of its own: the same document in the same batch is the same task.
    batch = f"proof-{secrets.token_hex(4)}"
    manner = Manner(PACK, GOAL, batch, client_key(folder))
    sent = next(iter(send(console, find([samples / SAMPLE]), manner)))
    tell(f"submitted {SAMPLE} as task {sent.task}")
    wanted = Wanted((sent.task,), batch, {sent.task: sent.document})
    looks = [tasks for tasks in until_rest(console, wanted, within_s) if tasks]
    if not looks:
        return "its task was never taken in"
    (ended,) = looks[-1]
    (row,) = rows(manifest_of(PACK).report, [ended])
    tell(f"task {ended.id} is {ended.shown}: {row['outcome']}")
    if again:
        return "" if row["outcome"] == AGAIN else f"it was paid before, and is no {AGAIN} now"
    table = [one for one in read(samples / "expected.yaml") if one.file == SAMPLE]
    return "; ".join(faults(table, {name_of(ended): row["outcome"]}, [ended]).values())


def _is_paid(console: Console) -> bool:
    """Return whether an earlier proof had the sample's invoice paid."""
    listed: Any = console.operate("list_payments", {})
    return any(one["number"] == NUMBER for one in listed["payments"])


if __name__ == "__main__":
    main()
