"""The gate in process, on the commits of a suite that has run: nothing is carried out or kept.

For each commit: the token of its step, schema and normal form, verdict and slot, the signed chain,
labels, a policy of a hundred rules, and the record of the intent, as the toolbox does it. The reads
of the ledger (values, sums) are in it; opening the transaction is not.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench.figures import GateTime
from bench.starting import PACK
from quartet.contracts.base import Fields
from quartet.contracts.effect import Commit
from quartet.contracts.token import Behalf, TokenWanted, Transaction
from quartet.contracts.work import ReviewOrder, Verdict
from quartet.packs.load import load
from quartet.policy.engine import policy_of
from quartet.policy.texts import names_of, policy_file, read
from quartet.runtime.layout import DataFolder
from quartet.service.database import READING, Holding, connect
from quartet.service.tokens import check_step, held
from quartet.trust.keys import Keyring, Signer
from quartet.trust.tokens import write
from services.coordinator.tables import ReviewRow, SubtaskRow
from services.toolbox import gate
from services.toolbox.governance import Governance
from services.toolbox.ledger import Entry, utc_now
from services.toolbox.policy.live import InForce, Policies
from services.toolbox.tables import PlanRow

RULES = 100
_RULE = """
@id("payables.bench-{number}")
@reason("the bench has one more rule")
forbid (principal, action == Action::"autonomous", resource == Tool::"schedule_payment")
when {{ context.amount.greaterThan(decimal("{number}00000.00")) && context.hour == {number} }};
"""


def timed(data: DataFolder, times: int) -> GateTime:
    """Time the gate on the commits that a data folder holds, again and again."""
    tasks, ledger = _reading(data, "coordinator/tasks.db"), _reading(data, "toolbox/ledger.db")
    with Session(tasks) as session:
        commits = list(_commits(session))
    spent = sorted(_spent(data, ledger, commits, times))
    tasks.dispose()
    ledger.dispose()
    return GateTime(
        rules=RULES,
        calls=times,
        p50_ms=spent[len(spent) // 2] * 1000,
        p99_ms=spent[int(len(spent) * 0.99)] * 1000,
    )


def _spent(data: DataFolder, ledger: Engine, commits: list[Commit], times: int) -> Iterator[float]:
    """Yield the seconds of each call, after a first round that fills the caches."""
    keyring, law = Keyring(data.service_keys), _law()
    governance = Governance(Policies(law.pack), keyring)
    seed = bytes.fromhex(data.signing_seed("coordinator").read_text().strip())
    signer = Signer("coordinator", lambda: seed)
    tokens = [_token(signer, sent) for sent in commits]
    for turn in range(-len(commits), times):
        sent, token = commits[turn % len(commits)], tokens[turn % len(commits)]
        with Holding(ledger) as session:
            entry = Entry(session, utc_now(), data.root)
            begun = time.perf_counter()
            _through(governance, law, entry, sent, token)
            passed = time.perf_counter() - begun
            session.rollback()
        if turn >= 0:
            yield passed


def _through(governance: Governance, law: InForce, entry: Entry, sent: Commit, token: str) -> None:
    claims = held(token, governance.keyring, "specialist-finance")
    check_step(claims, TokenWanted(task=sent.task, subtask=sent.subtask, attempt=sent.attempt))
    call = gate.normal_form(entry, law.pack, sent)
    gate.check_verdict(sent, call)
    plan = gate.check_slot(sent, call, entry.session.get(PlanRow, sent.task))
    governance.ruling(entry, law, sent, call, plan)
    intent: Fields = {"slot": sent.slot, "arguments": call.plain, "call_digest": call.call_digest}
    entry.record("toolbox", "effect-intended", sent.task, intent)


def _commits(session: Session) -> Iterator[Commit]:
    """Yield what the coordinator has committed: reviewed results and their verdicts."""
    query = select(SubtaskRow, ReviewRow).join(
        ReviewRow,
        (ReviewRow.task == SubtaskRow.task)
        & (ReviewRow.subtask == SubtaskRow.id)
        & (ReviewRow.attempt == SubtaskRow.attempt),
    )
    for row, review in session.execute(query.where(SubtaskRow.state == "done")):
        completed = ReviewOrder.model_validate(row.completed)
        verdict = Verdict.model_validate(review.verdict)
        for proposal in completed.result.proposals:
            yield Commit(
                task=verdict.task,
                subtask=verdict.subtask,
                attempt=verdict.attempt,
                slot=proposal.slot,
                plan=completed.order.plan,
                result=completed.result,
                signature=completed.signature,
                verdict=verdict,
            )


def _law() -> InForce:
    """Return the pack's policy with as many more rules as make a hundred."""
    pack = load(PACK)
    texts = read(policy_file(pack))
    more = RULES - (texts.suite + texts.pack).count("@id(")
    padded = replace(
        texts, pack=texts.pack + "".join(_RULE.format(number=n) for n in range(1, more + 1))
    )
    return InForce(pack, policy_of(padded, names_of(pack)), "enforce")


def _token(signer: Signer, sent: Commit) -> str:
    step = Transaction(
        task=sent.task,
        subtask=sent.subtask,
        attempt=sent.attempt,
        skill="specialist.settle-invoice",
        tools=("check_invoice", "match_invoice"),
    )
    behalf = Behalf(requester="bench", tenant="default")
    return write(signer, "specialist-finance", step, behalf).token


def _reading(data: DataFolder, name: str) -> Engine:
    return connect(f"sqlite:///{data.root / name}").execution_options(**{READING: True})
