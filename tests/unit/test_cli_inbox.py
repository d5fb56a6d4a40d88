from pathlib import Path

import pytest
from joserfc.jwk import KeySet, KeySetSerialization, OKPKey

from quartet.cli.inbox import Found, event, event_id, find, request
from quartet.cli.speech import Told
from quartet.contracts.document import MAX_DOCUMENT
from quartet.contracts.task import Document
from quartet.packs.load import load
from quartet.service.submission import parse, request_of
from quartet.trust.digest import canonical, digest
from quartet.trust.signing import requester

MANIFEST = load("payables").manifest


def written(folder: Path, name: str, content: bytes = b"<a/>") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def stored(found: Found) -> Document:
    return Document(digest=found.digest, name=found.name, size=len(found.content))


def test_a_folder_gives_its_documents_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.PDF", "a.xml", "notes.txt", ".hidden.xml"):
        written(tmp_path, name)
    (tmp_path / "below.xml").mkdir()

    found = find([tmp_path])

    assert [f.name for f in found] == ["a.xml", "b.PDF"]
    assert [f.media_type for f in found] == ["application/xml", "application/pdf"]


def test_a_file_named_itself_may_have_any_name(tmp_path: Path) -> None:
    (found,) = find([written(tmp_path, "invoice.bin")])

    assert found.media_type == "application/octet-stream"


def test_an_empty_folder_is_an_empty_inbox(tmp_path: Path) -> None:
    written(tmp_path, "notes.txt")

    with pytest.raises(Told, match=r"Empty inbox: folder .* holds no \.xml or \.pdf file"):
        find([tmp_path])


def test_no_path_is_an_empty_inbox() -> None:
    with pytest.raises(Told, match="Empty inbox: no document was named"):
        find([])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Told, match=r"gone\.xml can not be read: No such file or directory"):
        find([tmp_path / "gone.xml"])


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    loop = tmp_path / "loop.xml"
    loop.symlink_to(loop)

    with pytest.raises(Told, match=r"loop\.xml can not be read: Too many levels"):
        find([loop])


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Told, match=r"none\.xml is empty"):
        find([written(tmp_path, "none.xml", b"")])


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.pdf"
    with huge.open("wb") as out:
        out.truncate(MAX_DOCUMENT + 1)

    with pytest.raises(Told, match=rf"too large: {MAX_DOCUMENT + 1} bytes"):
        find([huge])


def test_the_event_is_accepted_at_the_door_as_its_signer(tmp_path: Path) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "me"})
    (found,) = find([written(tmp_path, "a.xml")])
    asked = request("payables", "Pay.", "b1", stored(found))

    made = event(asked, event_id("b1", found.digest), key)

    parsed = parse(canonical(made))
    assert request_of(parsed, MANIFEST) == asked
    public = KeySet([key]).as_dict(private=False)
    keys: KeySetSerialization = {"keys": [k | {"requester": "me"} for k in public["keys"]]}
    assert requester(parsed, str(parsed["signature"]), keys) == "me"


def test_an_anonymous_event_has_no_signature_and_another_source(tmp_path: Path) -> None:
    (found,) = find([written(tmp_path, "a.xml")])

    asked = request("payables", "Pay.", None, stored(found))

    made = event(asked, "e1", None)

    assert "signature" not in made
    assert made["source"] != event(asked, "e1", OKPKey.generate_key("Ed25519"))["source"]


def test_an_inline_document_travels_in_the_event(tmp_path: Path) -> None:
    (found,) = find([written(tmp_path, "a.xml", b"<inline/>")])

    made = event(request("payables", "Pay.", None, found.inline), "e1", None)

    (inline,) = request_of(made, MANIFEST).inline
    assert inline.content == b"<inline/>"


def test_an_inline_document_is_small(tmp_path: Path) -> None:
    (found,) = find([written(tmp_path, "a.xml", b"x" * (256 * 1024 + 1))])

    with pytest.raises(Told, match="Submit it without --inline"):
        _ = found.inline


def test_the_same_document_in_the_same_batch_has_one_event_id() -> None:
    one, other = digest(b"one"), digest(b"other")

    ids = [event_id("b", one), event_id("c", one), event_id(None, one), event_id("b", other)]

    assert len(set(ids)) == 4
    assert event_id("b", one) == ids[0]


def test_a_batch_name_outside_its_contract_is_told_by_its_option(tmp_path: Path) -> None:
    (found,) = find([written(tmp_path, "a.xml")])

    with pytest.raises(Told, match="--batch: String should match"):
        request("payables", "Pay.", "no spaces please", stored(found))
