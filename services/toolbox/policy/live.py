"""Which policy is in force now: read at start, looked at before each commit, each change on record.

A file that is missing or empty denies at once. A changed file comes into force once it has been
left alone for a second (an editor may write it in parts), parses, and is on record; one that does
not fit changes nothing and is recorded as refused: a slip of the pen neither opens nor stops.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sqlalchemy import select

from quartet.contracts.base import Fields
from quartet.contracts.policy import Mode
from quartet.packs.load import Pack
from quartet.policy.engine import Policy, policy_of
from quartet.policy.texts import SUITE, BadPolicy, Texts, names_of, policy_file, read
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.policy.tables import PolicyRow
from services.toolbox.refusals import PolicyRefusal

log = logging.getLogger(__name__)
SETTLED_S = 1.0
Stamps = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class InForce:
    """A policy, the pack that it is about, and the mode that it is applied in."""

    pack: Pack
    policy: Policy
    mode: Mode


class Policies:
    """The policy of a running toolbox; safe to share between threads."""

    def __init__(
        self,
        about: Pack,
        path: Path | None = None,
        mode: Mode = "enforce",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read and check the texts; raises BadPolicy naming every fault.

        ``path`` is the pack's policy, where it is not in the pack's folder.
        """
        self.pack, self._names = about, names_of(about)
        self._path = path or policy_file(about)
        self._mode, self._clock = mode, clock
        self._lock = Lock()
        self._seen = self._stamps()
        self._texts = read(self._path)
        self._policy = policy_of(self._texts, self._names)

    def started(self, ledger: Ledger) -> None:
        """Record the policy that the toolbox starts with, if it is another than the last."""
        with ledger.write() as entry:
            _record(entry, self._texts, self._mode)

    def in_force(self, ledger: Ledger) -> InForce:
        """Return the policy for the next call; raises PolicyRefusal when there is none."""
        with self._lock:
            try:
                stamps = self._stamps()
                if stamps != self._seen and self._is_settled(stamps):
                    self._look(ledger)
                    self._seen = stamps
            except BadPolicy as error:
                says = f"{error.failure.detail} Nothing is carried out until it is back."
                raise PolicyRefusal(says, "NoPolicy") from error
            return InForce(self.pack, self._policy, self._mode)

    def _stamps(self) -> Stamps:
        try:
            found = [path.stat() for path in (SUITE, self._path)]
        except OSError as error:
            raise BadPolicy(f"The policy is not there: {error}.", cause="policy") from error
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in found)

    def _is_settled(self, stamps: Stamps) -> bool:
        return self._clock() - max(s[0] for s in stamps) / 1e9 >= SETTLED_S

    def _look(self, ledger: Ledger) -> None:
        texts = read(self._path)
        if texts == self._texts:
            return
        try:
            policy = policy_of(texts, self._names)
        except BadPolicy as error:
            says = error.failure.detail
            log.warning("policy %s stays in force: %s", self._policy.version, says)
            body: Fields = {"old": self._policy.version, "new": texts.version, "why": says[:500]}
            with ledger.write() as entry:
                entry.record("toolbox", "policy-change-refused", None, body)
            return
        with ledger.write() as entry:
            _record(entry, texts, self._mode)
        self._texts, self._policy = texts, policy


def _record(entry: Entry, texts: Texts, mode: Mode) -> None:
    last = entry.session.scalar(select(PolicyRow).order_by(PolicyRow.number.desc()).limit(1))
    if last is not None and (last.version, last.mode) == (texts.version, mode):
        return
    entry.session.add(
        PolicyRow(
            version=texts.version,
            mode=mode,
            suite=texts.suite,
            pack=texts.pack,
            schema=texts.schema,
            since=entry.now,
        )
    )
    body: Fields = {
        "old": last.version if last else None,
        "new": texts.version,
        "old_mode": last.mode if last else None,
        "mode": mode,
    }
    entry.record("toolbox", "policy-changed", None, body)
