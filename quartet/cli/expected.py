"""What the samples of a pack should come to, and what is not so; running them is elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel

from quartet.contracts.view import TaskView
from quartet.trust.sensitive import masked


class Expectation(BaseModel):
    """What one sample should come to; a ``twin`` is another sample of the same invoice.

    Of twins it does not matter which comes first, so their outcomes are compared as a set.
    """

    file: str
    outcome: str
    pays_to: str | None = None
    twin: str | None = None


def read(path: Path) -> list[Expectation]:
    """Return the expectations of samples/expected.yaml."""
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Expectation.model_validate(entry) for entry in written["documents"]]


def faults(
    expected: Sequence[Expectation], outcomes: Mapping[str, str], tasks: Sequence[TaskView]
) -> dict[str, str]:
    """Return what is not as expected, by document; ``outcomes`` are the report's, by document."""
    found: dict[str, str] = {}
    for group in _groups(expected):
        want = sorted(e.outcome for e in group)
        got = sorted(outcomes.get(e.file, "nothing") for e in group)
        if want != got:
            says = f"expected {' and '.join(want)}, came to {' and '.join(got)}"
            found |= {e.file: says for e in group}
    paid = {t.documents[0].name: account for t in tasks for account in _accounts(t)}
    for one in expected:
        account = paid.get(one.file)
        # An outcome carries an account masked; a whole one may stand in older outcomes.
        if one.pays_to and account not in (None, one.pays_to, masked(one.pays_to)):
            found[one.file] = f"expected a payment to {one.pays_to}, it went to {account}"
    return found


def _groups(expected: Sequence[Expectation]) -> list[list[Expectation]]:
    groups: dict[str, list[Expectation]] = {}
    for one in expected:
        groups.setdefault(one.twin or one.file, []).append(one)
    return list(groups.values())


def _accounts(task: TaskView) -> list[str]:
    results = [o.result for s in task.subtasks for o in s.outcomes if o.status == "applied"]
    return [str(r["iban"]) for r in results if "iban" in r]
