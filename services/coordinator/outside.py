"""The file of checkpoints outside the databases: lines are only ever added to it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quartet.contracts.audit import SignedCheckpoint

_BLOCK = 65_536


@dataclass(frozen=True)
class Outside:
    """``checkpoints.jsonl`` in a folder that is best on another disk: one checkpoint a line."""

    path: Path

    def newest(self) -> SignedCheckpoint | None:
        """Return the last whole line; None when there is none. Raises ValueError for garbage."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            at, tail = file.seek(0, os.SEEK_END), b""
            while at and tail.strip().count(b"\n") < 1:
                at = max(at - _BLOCK, 0)
                file.seek(at)
                tail = file.read()
        lines = tail[: tail.rfind(b"\n") + 1].splitlines()
        return SignedCheckpoint.model_validate_json(lines[-1]) if lines else None

    def all(self) -> Iterator[SignedCheckpoint]:
        """Give every checkpoint in the file, oldest first."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from (SignedCheckpoint.model_validate_json(line) for line in file)

    def add(self, checkpoints: Iterable[SignedCheckpoint]) -> None:
        """Append checkpoints and have them on disk; a line that a crash cut off goes first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._cut_torn_line()
        with self.path.open("ab") as file:
            for checkpoint in checkpoints:
                file.write(checkpoint.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _cut_torn_line(self) -> None:
        with self.path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            if file.read() not in (b"", b"\n"):
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
