"""Sending documents to the console as tasks, each once however often it is submitted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joserfc.jwk import OKPKey

from quartet.cli.console import Console, Refused
from quartet.cli.inbox import Found, event, event_id, request, source_of
from quartet.cli.speech import Told
from quartet.contracts.base import Digest, TaskId
from quartet.contracts.task import TaskRequest
from quartet.trust.digest import digest, task_id

DEFAULT_GOAL = "Bring this document to its outcome."


@dataclass(frozen=True)
class Manner:
    """How documents are submitted: signed by a key, for a person who signed in, or anonymous."""

    pack: str
    goal: str = DEFAULT_GOAL
    batch: str | None = None
    key: OKPKey | None = None
    speaker: str | None = None
    inline: bool = False


@dataclass(frozen=True)
class Sent:
    """A document and its task; ``known`` is the state of a task that was there before."""

    document: str
    digest: Digest
    task: TaskId
    known: str | None = None


def send(console: Console, found: Sequence[Found], manner: Manner) -> Iterator[Sent]:
    """Submit one task a document; what was submitted before in the same batch is left as it is.

    Raises Told naming the document that was refused; those before it stay submitted.
    """
    taken: set[TaskId] = set()
    for number, document in enumerate(found):
        name = event_id(manner.batch, document.digest)
        task = task_id(source_of(manner.key, manner.speaker), name)
        try:
            known = "submitted" if task in taken else _state(console, task)
            if known is None:
                _send(console, document, name, manner)
        except Refused as refused:
            done = f" ({number} of {len(found)} were submitted before it)" if number else ""
            raise Told(f"{document.path}: {refused}{done}") from refused
        taken.add(task)
        yield Sent(document.name, document.digest, task, known)


def ask(console: Console, manner: Manner) -> Sent:
    """Submit one task without a document; the same goal in the same batch is the same task."""
    about = digest(manner.goal.encode())
    name = event_id(manner.batch, about)
    task = task_id(source_of(manner.key, manner.speaker), name)
    try:
        known = _state(console, task)
        if known is None:
            asked = request(manner.pack, manner.goal, manner.batch)
            _submit(console, asked, name, manner)
    except Refused as refused:
        raise Told(f"{manner.goal[:60]}: {refused}") from refused
    return Sent("-", about, task, known)


def _state(console: Console, task: TaskId) -> str | None:
    view = console.known(task)
    return view.shown if view else None


def _send(console: Console, document: Found, name: str, manner: Manner) -> None:
    stored = (
        document.inline
        if manner.inline
        else console.upload(document.content, document.name, document.media_type)
    )
    asked = request(manner.pack, manner.goal, manner.batch, stored)
    _submit(console, asked, name, manner)


def _submit(console: Console, asked: TaskRequest, name: str, manner: Manner) -> None:
    nobody = manner.key is None and manner.speaker is None
    console.submit(event(asked, name, manner.key, manner.speaker), anonymous=nobody)
