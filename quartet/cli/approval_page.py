"""One approval in full, for the person who decides it; what is shown comes from the toolbox."""

import json
from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from quartet.cli.detail import Pair, pairs
from quartet.cli.speech import cell, plain
from quartet.contracts.approval import ApprovalView


def page(one: ApprovalView) -> Group:
    """Return an approval as a page: effect first, then its grounds, then what follows."""
    head = Text.assemble(("approval ", "bold"), (str(one.id), "bold"), "  ", cell(one.state))
    effect = Text(plain(one.effect), style="bold")
    return Group(head, effect, *(pairs(list(p)) for p in (_what(one), _why(one), _then(one))))


def _what(one: ApprovalView) -> Iterator[Pair]:
    yield "task", f"{one.task}, subtask {one.subtask}, attempt {one.attempt}"
    yield "for", one.requester
    if one.amount:
        yield "amount", f"{one.amount} {one.currency}"
    if one.counterparty:
        yield "with", one.counterparty
    yield "undo", "can be undone" if one.reversible else "CANNOT BE UNDONE"
    yield "digest", one.call_digest
    yield "call", json.dumps(one.call, ensure_ascii=False)[:2000]


def _why(one: ApprovalView) -> Iterator[Pair]:
    people = "two different people" if one.approvers > 1 else "one person"
    yield "tier", f"{one.tier}: {people} of {one.group}"
    for reason in one.why:
        yield "because", reason
    if one.policies:
        yield "policy", f"{', '.join(one.policies)} (version {one.version})"
    if one.asks:
        yield "question", one.asks
    yield "agent", f"{one.summary} {one.reason}".strip() or "says nothing"
    yield "confidence", f"{one.confidence:.0%}"
    for value in one.evidence:
        yield "evidence", f"{value.value} of {value.tool} ({value.integrity})"
        used = ", ".join(f"{f.path or 'all of it'} ({f.integrity})" for f in value.fields)
        if used:
            yield "", f"used: {used}"


def _then(one: ApprovalView) -> Iterator[Pair]:
    for other in one.alternatives:
        yield "instead", other
    yield "rejected", one.on_reject
    yield "expired", f"{one.expires_at.astimezone():%Y-%m-%d %H:%M}. {one.on_expiry}"
    for said in one.decisions:
        more = f" {said.reason} {said.guidance}".rstrip()
        yield "decided", f"{said.decision} by {said.person} ({said.role}), {said.at:%F %T}.{more}"
    if one.taken_by:
        yield "with", f"{one.taken_by} has taken it over"
