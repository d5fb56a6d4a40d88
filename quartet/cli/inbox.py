"""From paths to the signed event of each task: one document, one task; sending is elsewhere."""

import json
import mimetypes
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from joserfc.jwk import OKPKey
from pydantic import ValidationError

from quartet.cli.speech import Told
from quartet.contracts.base import Digest, Fields
from quartet.contracts.document import MAX_DOCUMENT
from quartet.contracts.event import type_of
from quartet.contracts.task import Document, InlineDocument, MediaType, TaskRequest
from quartet.runtime.layout import DataFolder
from quartet.trust.digest import digest
from quartet.trust.signing import sign

SUFFIXES = (".xml", ".pdf")
SOURCE = "/cli"
MAX_INLINE = 256 * 1024


@dataclass(frozen=True)
class Found:
    """A document on this machine, whole."""

    path: Path
    content: bytes

    @property
    def digest(self) -> Digest:
        """Its address once it is uploaded."""
        return digest(self.content)

    @property
    def name(self) -> str:
        """How people know it."""
        return self.path.name[:200]

    @property
    def media_type(self) -> MediaType:
        """What its suffix says; the reader looks for itself."""
        guessed = mimetypes.guess_type(self.path.name)[0]
        guessed = "application/xml" if guessed == "text/xml" else guessed
        known: tuple[MediaType, ...] = get_args(MediaType)
        return next((m for m in known if m == guessed), "application/octet-stream")

    @property
    def inline(self) -> InlineDocument:
        """The document as part of an event; raises Told when it is too large for that."""
        if len(self.content) > MAX_INLINE:
            raise Told(
                f"{self.path} has {len(self.content)} bytes; inside an event at most {MAX_INLINE} "
                "travel. Submit it without --inline."
            )
        encoded = b64encode(self.content)
        return InlineDocument(content=encoded, media_type=self.media_type, name=self.name)


def find(paths: Sequence[Path]) -> list[Found]:
    """Return the documents that files and folders hold; a folder gives its .xml and .pdf files.

    Raises Told for the first one that is missing, empty, too large or can not be read.
    """
    found = [_read(file) for path in paths for file in _files(path)]
    if not found:
        raise Told("Empty inbox: no document was named. Name files, or folders that hold some.")
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        names = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    except OSError as error:
        raise Told(f"{path} can not be read: {error.strerror}.") from error
    documents = [p for p in names if p.suffix.lower() in SUFFIXES]
    if not documents:
        raise Told(
            f"Empty inbox: folder {path} holds no {' or '.join(SUFFIXES)} file. Put documents "
            "there, or name files one by one."
        )
    return documents


def _read(path: Path) -> Found:
    try:
        size = path.stat().st_size
        if size > MAX_DOCUMENT:
            raise Told(
                f"{path} is too large: {size} bytes, and the reader takes {MAX_DOCUMENT}. "
                "Submit a smaller document."
            )
        content = path.read_bytes()
    except OSError as error:
        raise Told(
            f"{path} can not be read: {error.strerror}. Name a file that exists and is yours."
        ) from error
    if not content:
        raise Told(f"{path} is empty. Submit a document with content.")
    return Found(path, content)


def client_key(data: DataFolder) -> OKPKey:
    """Return the key that the suite made for local clients; raises Told when it is not there."""
    try:
        return OKPKey.import_key(json.loads(data.client_key.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise Told(
            f"No client key at {data.client_key}: start the suite with `make run`, which makes "
            "one, or submit with --anonymous."
        ) from error


def event_id(batch: str | None, document: Digest) -> str:
    """Return the id of a submission: the same for the same document in the same batch."""
    return digest({"batch": batch, "document": document}).removeprefix("sha256:")[:32]


def source_of(key: OKPKey | None, speaker: str | None = None) -> str:
    """Return where the events come from; nobody's events take the id of somebody else's."""
    if key is not None:
        return SOURCE
    return f"{SOURCE}/{'anonymous' if speaker is None else 'people/' + quote(speaker, safe='')}"


def request(
    pack: str, goal: str, batch: str | None, document: Document | InlineDocument | None = None
) -> TaskRequest:
    """Return what one task asks for; raises Told when it breaks the contract."""
    inline = isinstance(document, InlineDocument)
    try:
        asked = TaskRequest(pack=pack, goal=goal, batch=batch)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise Told(f"--{name}: {first['msg']}. Change it and submit again.") from error
    if document is None:
        return asked
    return asked.model_copy(update={"inline" if inline else "documents": (document,)})


def event(asked: TaskRequest, name: str, key: OKPKey | None, speaker: str | None = None) -> Fields:
    """Return the CloudEvent of a task as JSON, signed unless there is no key."""
    made = CloudEvent(
        attributes={
            "id": name,
            "source": source_of(key, speaker),
            "type": type_of("task-submitted"),
            "specversion": "1.0",
            "time": datetime.now(UTC),
            "datacontenttype": "application/json",
        },
        data=asked.model_dump(mode="json", exclude_defaults=True),
    )
    structured: Fields = json.loads(to_structured(made, JSONFormat()).body)
    return structured if key is None else structured | {"signature": sign(structured, key)}
