"""How a limited call can end, and which failure each end is; limited.py makes the calls.

UnreadableDocument   what the function itself says, or any other failure of its own
DocumentTooLarge, ReadingTooSlow, ReadingTooMuchMemory, ReadingCrashed, ResultTooLarge
ReaderUnavailable    the limited process does not start or was ended from outside
"""

import signal
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from quartet.contracts.failure import Failure
from quartet.resilience.failures import Abandon, Failing, RetryLater, failing

_SEND_CORRECTED = "Ask the sender for a corrected or smaller document."
Ended = int | Literal["late", "lost"]


@dataclass(frozen=True)
class Limits:
    """What one call may use; `wall_s` is counted from its start, waiting for a place excluded."""

    input_bytes: int = 20 * 1024 * 1024
    result_bytes: int = 2 * 1024 * 1024
    memory_bytes: int = 512 * 1024 * 1024
    cpu_s: int = 5
    wall_s: float = 10.0
    at_once: int = 4


def result_of(answer: bytes, ended: Ended, limits: Limits) -> JsonValue:
    """Give the result in the answer, or raise the failure that the end or the answer tells."""
    trouble = _trouble(len(answer), ended, limits)
    if trouble is not None:
        raise trouble
    try:
        told = _Answer.model_validate_json(answer)
    except ValidationError as error:
        raise _crashed("garbled answer") from error
    if told.failure is not None:
        raise failing(told.failure)
    if told.died == "memory":
        raise _abandon(
            "ReadingTooMuchMemory",
            f"Reading the document needs more than {limits.memory_bytes // 2**20} MiB.",
        )
    if told.died == "crash":
        raise _crashed(told.kind)
    return told.result


class _Answer(BaseModel):
    """What a child says; it may be lying, so it is only trusted to be of this form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: JsonValue = None
    failure: Failure | None = None
    died: Literal["memory", "crash"] | None = None
    kind: str = "unknown"


def _trouble(answered: int, ended: Ended, limits: Limits) -> Failing | None:
    """Say what the end itself tells, before any answer is looked at."""
    if ended == "late":
        return _too_slow(f"{limits.wall_s:g} s")
    if ended == "lost":
        return unavailable("was ended from outside. Try again.")
    if answered > limits.result_bytes:
        return _abandon(
            "ResultTooLarge", f"The document's fields take more than {limits.result_bytes} bytes."
        )
    if ended == -signal.SIGXCPU:
        return _too_slow(f"{limits.cpu_s} s of processor time")
    if ended < 0:
        return _crashed(f"ended by {signal.Signals(-ended).name}")
    return _crashed(f"exit code {ended}") if ended or not answered else None


def _crashed(how: str) -> Failing:
    return _abandon("ReadingCrashed", f"Reading the document crashed ({how}).")


def _too_slow(limit: str) -> Failing:
    return _abandon("ReadingTooSlow", f"Reading the document took more than {limit}.")


def _abandon(title: str, what: str) -> Failing:
    return Abandon(f"{what} {_SEND_CORRECTED}", cause="data", title=title)


def unavailable(what: str) -> Failing:
    """Tell that nothing could be tried; a later try may do."""
    return RetryLater(
        f"The limited process {what}", cause="tool", title="ReaderUnavailable", after=1.0
    )


def too_large(size: int, limits: Limits) -> Failing:
    """Tell that the document was not even looked at."""
    return _abandon(
        "DocumentTooLarge", f"The document has {size} bytes; at most {limits.input_bytes} are read."
    )
