"""The toolbox as its callers see it: over HTTP, on a real ledger. No test is here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zlib import crc32

from sqlalchemy import select

from packs.payables import checks
from packs.payables.invoice import Invoice, Line, Party, Payee, Totals, VatGroup
from quartet.contracts.approval import ApprovalView
from quartet.contracts.base import Contract, Fields
from quartet.contracts.effect import Commit, Outcome, Registration, StoredValue, Undo, Undone
from quartet.contracts.person import DEFAULT_TENANT, Person, Role
from quartet.contracts.plan import Plan, Slot, Subtask
from quartet.contracts.policy import Ruling
from quartet.contracts.work import Proposal, Verdict, WorkOrder, WorkResult
from quartet.packs.load import Pack, load
from quartet.service.people import SignIn, refused
from quartet.service.settings import Settings
from quartet.testing.signing import judged, keyring, worked
from quartet.trust.digest import digest, proposal_digest
from quartet.trust.keys import Keyring
from services.toolbox import checker
from services.toolbox.app import build, governed
from services.toolbox.approvals.rounds import Rounds
from services.toolbox.approvals.routes import Approvals
from services.toolbox.approvals.rules import RULES, Rules
from services.toolbox.gate import Call
from services.toolbox.governance import Governance
from services.toolbox.ledger import Entry, Ledger, open_ledger
from services.toolbox.policy.live import InForce
from services.toolbox.tables import EffectRow, PlanRow
from tests.unit.signing_client import SigningClient

IBAN = "DE80284559419069782389"
OTHER_IBAN = "NL37WNNF6476988737"
COMPANY: Fields = {
    "name": "Käufer & Söhne GmbH",
    "vat_id": "ATU22056021",
    "country": "AT",
    "iban": "AT727823889904654970",
    "bic": "DDABATSVXXX",
}
ALL_TOOLS = ("schedule_payment", "schedule_credit", "hold_invoice", "ask_about_invoice")
WRITES = frozenset(("schedule_payment", "schedule_credit"))
DOCUMENT = digest(b"the document")
"""The document of every task, besides those that its plan names."""


ANN = Person(name="ann", roles=("approver",))
BOB = Person(name="bob", roles=("approver",))
PEOPLE = {
    person.name: person
    for person in (
        ANN,
        BOB,
        Person(name="carol", roles=("submitter", "approver")),
        Person(name="dora", roles=("submitter",)),
        Person(name="eve", roles=("approver",), tenant="other"),
        Person(name="fred", groups=("approvers",)),
        Person(name="olga", roles=("operator", "auditor", "admin")),
    )
}


OLGA = {"Person-Token": "olga"}
"""The header of who runs operations."""


class NamesAsTokens(SignIn):
    """A sign-in of which each token is a name."""

    def person(self, token: str) -> Person:
        """Return the person of this name."""
        if token not in PEOPLE:
            raise refused("nobody is called that")
        return PEOPLE[token]


def task(number: int) -> str:
    return f"t-{number:024x}"


def vendor(key: str = "V-1", **other: str) -> Fields:
    base: Fields = {
        "id": key,
        "name": f"Vendor {key}",
        "vat_id": f"DE{crc32(key.encode()) % 10**9:09d}",
        "country": "DE",
        "iban": IBAN,
        "bic": "FRKXDEPKXXX",
    }
    return base | other


def master(*vendors: Fields, received: str = "1000", status: str = "open") -> Fields:
    """Master data: each vendor has an order PO-<id> of 1000 units at 100.00, all received."""
    vendors = vendors or (vendor(),)
    line: Fields = {"line": "10", "item_id": "A", "name": "Thing", "unit": "C62", "price": "100.00"}
    return {
        "company": COMPANY,
        "vendors": list(vendors),
        "orders": [
            {
                "number": f"PO-{v['id']}",
                "vendor": v["id"],
                "currency": v.get("currency", "EUR"),
                "status": status,
                "lines": [line | {"quantity": "1000"}],
            }
            for v in vendors
        ],
        "receipts": [
            {
                "number": f"GR-{v['id']}",
                "order": f"PO-{v['id']}",
                "lines": [{"line": "10", "quantity": received}],
            }
            for v in vendors
        ],
    }


def invoice(
    number: str = "R-1",
    units: str = "1",
    price: str = "100.00",
    of: Fields | None = None,
    **other: object,
) -> Invoice:
    """An invoice without VAT for some units, which fits ``master`` unless told otherwise."""
    seller = of or vendor()
    net = (Decimal(units) * Decimal(price)).quantize(Decimal("0.01"))
    line = Line(
        id="1",
        name="Thing",
        order_line="10",
        quantity=Decimal(units),
        unit_price=Decimal(price),
        net=net,
        vat_category="Z",
        vat_rate=Decimal(0),
    )
    plain: dict[str, object] = {
        "syntax": "ubl-invoice",
        "kind": "invoice",
        "type_code": "380",
        "number": number,
        "issue_date": date(2026, 11, 1),
        "currency": "EUR",
        "seller": Party(name=str(seller["name"]), vat_id=str(seller["vat_id"])),
        "buyer": Party(name=str(COMPANY["name"])),
        "order_number": f"PO-{seller['id']}",
        "payee": Payee(account=str(seller["iban"]), iban=str(seller["iban"])),
        "lines": (line,),
        "vat": (VatGroup(basis=net, tax=Decimal(0), category="Z", rate=Decimal(0)),),
        "totals": Totals(lines=net, net=net, gross=net, payable=net),
    }
    return Invoice.model_validate(plain | other)


def credit_note(number: str = "G-1", units: str = "1", of: Fields | None = None) -> Invoice:
    kind = {"kind": "credit-note", "syntax": "ubl-credit-note", "type_code": "381"}
    return invoice(number, units, of=of, **kind)


def plan(tools: tuple[str, ...] = ALL_TOOLS, slots: int = 1) -> Plan:
    numbered = tuple(Slot(number=n, tools=tools) for n in range(1, slots + 1))
    settle = Subtask(id="settle", kind="settle-invoice", goal="Settle it.", slots=numbered)
    return Plan(subtasks=(Subtask(id="read", kind="read-invoice", goal="Read it."), settle))


def result(*proposals: Proposal, summary: str = "") -> WorkResult:
    return WorkResult(decision="pay", summary=summary, proposals=proposals)


def order(  # noqa: PLR0913 - what a commit is made of
    of: str,
    done: WorkResult,
    *,
    slot: int = 1,
    attempt: int = 1,
    decision: str = "accept",
    planned: Plan | None = None,
) -> Commit:
    """A commit of a result, signed by its specialist, with the critic's verdict on it."""
    what = planned or plan()
    asked = WorkOrder(
        task=of, pack="payables", plan=digest(what), subtask=what.subtasks[-1], attempt=attempt
    )
    verdict: Fields = {
        "task": of,
        "subtask": "settle",
        "attempt": attempt,
        "proposal_digest": proposal_digest(asked.plan, of, "settle", attempt, done),
        "decision": decision,
    }
    return Commit(
        task=of,
        subtask="settle",
        attempt=attempt,
        slot=slot,
        plan=asked.plan,
        result=done,
        signature=worked(asked, done, "specialist-finance").signature,
        verdict=judged(Verdict.model_validate(verdict)),
    )


@dataclass
class Clock:
    """Moves on by a second each time it is read, and further when it is told to."""

    now: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)
    step: timedelta = timedelta(seconds=1)

    def skip(self, time: timedelta) -> None:
        self.now += time

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@dataclass
class Scheduled:
    """A sidecar that remembers what was asked for and published."""

    jobs: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, str, Contract]] = field(default_factory=list)

    def publish(self, topic: str, event_id: str, data: Contract) -> None:
        self.events.append((topic, event_id, data))

    def schedule(self, job: str, schedule: str) -> None:
        self.jobs[job] = schedule


@dataclass(frozen=True)
class Ruled(Governance):
    """The governance of the product, whose ruling a test may put another in the place of."""

    said: list[Ruling] = field(default_factory=list)
    """The newest one counts, when there is any."""

    def ruling(self, entry: Entry, law: InForce, sent: Commit, call: Call, plan: PlanRow) -> Ruling:
        """Return what was said; everything else is checked all the same."""
        found = super().ruling(entry, law, sent, call, plan)
        return self.said[-1] if self.said else found


@dataclass(frozen=True)
class Desk:
    """A running toolbox."""

    http: SigningClient
    ledger: Ledger
    sidecar: Scheduled
    pack: Pack
    files: Path
    keyring: Keyring
    clock: Clock
    governance: Ruled

    def rule(self, **what: object) -> None:
        """Have the policy say this of every call from now on."""
        said = {"tier": "approve", "approvers": 1, "reasons": ("so",)} | what
        self.governance.said.append(Ruling.model_validate(said))

    def approvals(self, person: str = "ann", **wanted: str) -> list[ApprovalView]:
        """List approvals as a person sees them."""
        answer = self.http.get(
            "/callers/console/approvals", params=wanted, headers={"person-token": person}
        )
        assert answer.status_code == 200, answer.text
        return [ApprovalView.model_validate(one) for one in answer.json()["approvals"]]

    def decide(
        self, asked: ApprovalView, decision: str, by: str = "ann", **more: str
    ) -> ApprovalView:
        """Decide an approval as it was shown."""
        return ApprovalView.model_validate(self.deciding(asked, decision, by, 200, **more))

    def deciding(
        self, asked: ApprovalView, decision: str, by: str, status: int, **more: str
    ) -> Fields:
        """Try to decide; return the answer."""
        sent = {"decision": decision, "call_digest": asked.call_digest, **more}
        path = f"/callers/console/approvals/{asked.id}/decide"
        answer = self.http.post(path, json=sent, headers={"person-token": by})
        assert answer.status_code == status, answer.text
        found: Fields = answer.json()
        return found

    def round(self) -> None:
        """Make a round of approvals: expire, number, publish."""
        Rounds(self.ledger, self.sidecar, owner="desk").pass_once()

    def post(self, path: str, body: Fields, status: int = 200) -> Fields:
        answer = self.http.post(path, json=body, headers=OLGA if "/operations/" in path else {})
        assert answer.status_code == status, answer.text
        found: Fields = answer.json()
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return found

    def operate(self, name: str, arguments: Fields | None = None) -> Fields:
        return self.post(f"/callers/console/operations/{name}", arguments or {})

    def open_budget(self, of: str, by: str = "carol", caps: Fields | None = None) -> Fields:
        sent = {"task": of, "requester": by, "caps": caps or {}}
        return self.post("/callers/coordinator/budgets", json.loads(json.dumps(sent)))

    def reserve(self, call: Fields, status: int = 200, by: str = "reader", **more: object) -> str:
        """Reserve the call that a settlement is of; returns the reservation."""
        names = ("task", "subtask", "attempt", "caller", "arguments_digest", "asked")
        kind = "model" if by == "models" else "tool"
        sent = {n: call[n] for n in names if n in call and (n != "asked" or by == "reader")}
        sent |= {"kind": kind, "name": call["tool"], "timeout_s": 30}
        body = self.post(f"/callers/{by}/reserve", json.loads(json.dumps(sent | more)), status)
        return str(body.get("reservation", body.get("title")))

    def register(
        self, of: str, what: Plan | None = None, requester: str = "carol", **more: str
    ) -> Fields:
        return self.registering(of, 200, what, requester, **more)

    def registering(
        self,
        of: str,
        status: int,
        what: Plan | None = None,
        requester: str = "carol",
        **more: str,
    ) -> Fields:
        """Try to register a plan, ``more`` being its tenant or who asked; return the answer."""
        self.open_budget(of, requester)
        roles: tuple[Role, ...] = () if requester == "anonymous" else ("submitter",)
        what = what or plan()
        documents = (DOCUMENT, *(d for s in what.subtasks for d in s.documents))
        fields = {"roles": roles, "plan": what, "documents": documents, **more}
        sent = Registration.model_validate({"task": of, "requester": requester, **fields})
        return self.post("/callers/coordinator/plans", sent.model_dump(mode="json"), status)

    def is_planned(self, of: str) -> bool:
        with self.ledger.read() as entry:
            return entry.session.get(PlanRow, of) is not None

    def settle(self, of: str, content: Invoice, document: str = DOCUMENT) -> str:
        """Deliver a read invoice of a planned task as reader does; returns its value id."""
        self.open_budget(of)
        if not self.is_planned(of):
            self.register(of)
        sent = settlement(of, content) | asking(document)
        sent["reservation"] = self.reserve(sent)
        return str(self.post("/callers/reader/settle", sent)["value"])

    def answer(self, sent: Fields) -> None:
        """Deliver a model's answer as models does, reserved before."""
        self.open_budget(str(sent["task"]))
        reservation = self.reserve(sent, by="models")
        self.post("/callers/models/settle", sent | {"reservation": reservation})

    def call(self, of: str, tool: str, status: int = 200, **arguments: str) -> Fields:
        body: Fields = {"task": of, "subtask": "settle", "attempt": 1, "arguments": {**arguments}}
        return self.post(f"/callers/specialist-finance/tools/{tool}", body, status)

    def matched(
        self, of: str, content: Invoice, requester: str = "carol", tenant: str = DEFAULT_TENANT
    ) -> str:
        """Register the task, deliver the invoice and match it; returns a reference to the match."""
        self.register(of, requester=requester, tenant=tenant)
        return self.match_of(of, content)

    def match_of(self, of: str, content: Invoice) -> str:
        """Deliver an invoice of a planned task and match it; returns a reference to the match."""
        read = self.settle(of, content)
        return f"${self.call(of, 'match_invoice', invoice=f'${read}')['value']}"

    def commit(self, sent: Commit) -> Outcome:
        body = self.post("/callers/coordinator/commit", sent.model_dump(mode="json"))
        return Outcome.model_validate(body)

    def refused(self, sent: Commit, status: int) -> Fields:
        return self.post("/callers/coordinator/commit", sent.model_dump(mode="json"), status)

    def pay(
        self, of: str, content: Invoice, requester: str = "carol", tenant: str = DEFAULT_TENANT
    ) -> Outcome:
        """Take an invoice all the way to its commit."""
        tool = "schedule_credit" if content.kind == "credit-note" else "schedule_payment"
        match = self.matched(of, content, requester, tenant)
        return self.commit(order(of, result(propose(tool, match=match))))

    def undo(self, of: str) -> Undone:
        sent = Undo(task=of, why="the task was cancelled")
        body = self.post("/callers/coordinator/compensate", sent.model_dump(mode="json"))
        return Undone.model_validate(body)

    def value(self, of: str, value: str) -> StoredValue:
        answer = self.http.get(f"/callers/critic/values/{of}/{value}")
        assert answer.status_code == 200, answer.text
        return StoredValue.model_validate(answer.json())

    def problems(self) -> tuple[str, ...]:
        """Every broken invariant of the ledger and of the payments in it."""
        with self.ledger.read() as entry:
            live = select(EffectRow).where(EffectRow.status == "applied")
            rows = entry.session.scalars(live).all()
            applied = {f"{r.task}/{r.slot}" for r in rows if r.tool in WRITES}
            own = checker.problems(entry.session, self.pack)
            return (*own, *checks.problems(entry.session, self.files, applied))


def propose(tool: str, slot: int = 1, **arguments: str | None) -> Proposal:
    return Proposal(slot=slot, tool=tool, arguments={**arguments})


def settlement(of: str, content: Invoice, tool: str = "read_einvoice") -> Fields:
    return {
        "task": of,
        "subtask": "read",
        "attempt": 1,
        "caller": "specialist-documents",
        "tool": tool,
        **asking(DOCUMENT),
        "value": content.model_dump(mode="json"),
    }


def asking(document: str) -> Fields:
    """What a call of a reading tool says of its arguments."""
    asked: Fields = {"document": document}
    return {"arguments_digest": digest(asked), "asked": asked}


@contextmanager
def starting(
    url: str, folder: Path, pack: Pack | None = None, rules: Rules = RULES
) -> Iterator[Desk]:
    """A running toolbox as it is after its start."""
    pack = pack or load("payables")
    files = folder / "payments"
    settings = Settings("toolbox", 1, 1, 1, folder, app_token="t")
    clock = Clock()
    ledger = open_ledger(url, files, pack, clock)
    sidecar = Scheduled()
    approvals = Approvals(rules, round_every_s=None)
    product = governed(settings, pack, approvals)
    governance = Ruled(product.policies, product.keyring, product.rules)
    app = build(settings, governance, ledger, sidecar, approvals)
    app.state.sign_in = NamesAsTokens("issuer", "audience", "keys")
    keys = keyring(folder)
    headers = {"dapr-api-token": "t"}
    with SigningClient(app, headers=headers, raise_server_exceptions=False) as http:
        yield Desk(http, ledger, sidecar, pack, files, keys, clock, governance)


@contextmanager
def opened(
    url: str, folder: Path, *vendors: Fields, rules: Rules = RULES, pack: Pack | None = None
) -> Iterator[Desk]:
    """A running toolbox on a ledger with these vendors."""
    pack = pack or load("payables")
    bare = pack.manifest.model_copy(update={"at_start": ()})
    with starting(url, folder, replace(pack, manifest=bare), rules) as desk:
        desk.operate("load_books", master(*vendors))
        yield desk
