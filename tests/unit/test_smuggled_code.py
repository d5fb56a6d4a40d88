"""Code, paths, addresses and queries where data belongs (ASI05): refused, or kept as plain text."""

import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import yaml
from sqlalchemy import select

from packs.payables.ledger import CaseRow, VendorRow
from packs.payables.reading import read
from packs.payables.reading_tool import ReadEinvoice, read_einvoice
from packs.payables.unreadable import UnreadableDocument
from quartet.packs.load import read_manifest
from quartet.packs.tool import build
from quartet.resilience.failures import Abandon, RetryChanged
from services.models.config import read as read_models
from tests.suite.invoices import sample
from tests.unit.toolbox_desk import Desk, invoice, opened, order, propose, result, task

READS = build(read_einvoice, "untrusted-read")
ADDRESSES = [
    "file:///etc/passwd",
    "http://127.0.0.1:3500/v1.0/secrets/secretstore/bulk",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]:6379/",
    "gopher://localhost:6379/_FLUSHALL",
    "../../coordinator/tasks.db",
    "/etc/passwd",
    "sha256:../../../../etc/passwd",
    f"sha256:{'A' * 64}",
    f"sha256:{'a' * 64}\n",
    f"sha256:{'a' * 64}; rm -rf /",
]
CODE = [
    "'; DROP TABLE vendors; --",
    "1 OR 1=1",
    "{{ 7 * 7 }} ${7*7} <%= 7 * 7 %> #{7*7}",
    "{0.__class__.__mro__} %(password)s %s%n",
    "$(reboot) `reboot` | reboot",
    "!!python/object/apply:os.system ['reboot']",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
]


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_document_is_named_by_its_digest_and_by_nothing_else(address: str) -> None:
    with pytest.raises(RetryChanged, match="document"):
        READS.check({"document": address})

    assert ReadEinvoice(document=f"sha256:{'a' * 64}").document.startswith("sha256:")


@pytest.mark.parametrize(
    "reference",
    [
        "$val-0000000000000000.__class__",
        "$val-0000000000000000/../../x",
        "$val-0000000000000000.a b",
        "$val-0000000000000000.{x}",
        "$VAL-0000000000000000",
        "$val-000000000000000g",
        "val-0000000000000000",
        "\uff04val-0000000000000000",
    ],
)
def test_a_reference_of_another_form_reaches_no_value(desk: Desk, reference: str) -> None:
    desk.register(task(1))

    refused = desk.refused(
        order(task(1), result(propose("schedule_payment", match=reference))), 422
    )

    assert refused["title"] in ("UnknownReference", "ArgumentsRefused")


@pytest.mark.parametrize("path", ["__class__", "content", "lines.-1", "lines.1e3", "lines.\u0661"])
def test_a_path_into_a_value_finds_only_its_own_fields(desk: Desk, path: str) -> None:
    desk.register(task(1))
    read_value = desk.settle(task(1), invoice())

    sent = order(task(1), result(propose("ask_about_invoice", reason=f"${read_value}.{path}")))

    assert desk.refused(sent, 422)["title"] == "UnknownReference"


@pytest.mark.parametrize("code", CODE)
def test_code_in_a_text_is_kept_as_a_text_and_done_by_nobody(desk: Desk, code: str) -> None:
    desk.register(task(1))

    outcome = desk.commit(order(task(1), result(propose("ask_about_invoice", reason=code))))

    assert outcome.status == "applied"
    with desk.ledger.read() as entry:
        assert entry.session.scalars(select(CaseRow.reason)).all() == [code]
        assert entry.session.scalars(select(VendorRow.id)).all() == ["V-1"]


@pytest.mark.parametrize("code", CODE)
def test_code_in_numbers_and_names_of_an_invoice_matches_nothing(desk: Desk, code: str) -> None:
    wrong = invoice(code, order_number=code)

    match = desk.matched(task(1), wrong)

    found = desk.value(task(1), match.removeprefix("$")).content
    assert isinstance(found, dict)
    assert (found["order_found"], found["clear"]) == (False, False)


@pytest.mark.parametrize(
    "part",
    [
        '<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/x.xsl"?>',
        '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>',
        '<cbc:Note xsi:schemaLocation="urn:x http://127.0.0.1:9/x.xsd" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">x</cbc:Note>',
    ],
)
def test_nothing_that_a_document_points_to_is_fetched_or_put_in(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("something was fetched")

    original = sample("clean-ubl").content.decode()
    start = original.index("<cbc:DocumentCurrencyCode")
    monkeypatch.setattr(socket.socket, "connect", refuse)

    found = read((original[:start] + part + original[start:]).encode())

    assert "root:" not in found.model_dump_json()


class Bomb:
    """What runs when a pickle of it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Say what to call."""
        return exec, ("raise SystemExit('a pickle was loaded')",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Bomb()),
        pickle.dumps(Bomb(), protocol=0),
        b"!!python/object/apply:os.system ['reboot']",
        b"PK\x03\x04" + b"\x00" * 60,
        b"#!/bin/sh\nreboot\n",
    ],
    ids=["pickle", "pickle-0", "yaml", "zip", "script"],
)
def test_what_would_run_when_loaded_is_no_document(content: bytes) -> None:
    with pytest.raises(UnreadableDocument):
        read(content)


TAGGED = "name: !!python/object/apply:os.system ['touch /tmp/quartet-was-here']\n"


def test_a_yaml_tag_builds_no_object_in_a_pack_or_a_models_file(tmp_path: Path) -> None:
    for name in ("pack.yaml", "models.yaml"):
        (tmp_path / name).write_text(TAGGED)

    with pytest.raises(Abandon, match="python/object"):
        read_manifest(tmp_path)
    with pytest.raises(Abandon, match="python/object"):
        read_models(tmp_path / "models.yaml")
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(TAGGED)

    assert not Path("/tmp/quartet-was-here").exists()


def test_an_alias_bomb_in_yaml_is_refused_for_what_it_is_not(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (tmp_path / "models.yaml").write_text("\n".join(levels))

    with pytest.raises(Abandon) as told:
        read_models(tmp_path / "models.yaml")

    assert len(str(told.value)) < 5_000
