"""Loading a pack: what is refused, each fault by name, and tools that are not fully described."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from quartet.packs.labelling import Origins
from quartet.packs.load import Pack, check, load, read_manifest
from quartet.packs.manifest import Job, Manifest, Skill, Specialist
from quartet.packs.tool import Books, Effect, Tool, build
from quartet.resilience.failures import Abandon


class Nothing(BaseModel):
    """No argument."""


class Named(BaseModel):
    """One argument."""

    name: str = Field(description="Who it is for; ask when it is missing.")


def look(arguments: Named, books: Books) -> Nothing:
    """Look somebody up."""
    raise NotImplementedError(arguments, books)


def pay(arguments: Named, books: Books) -> Nothing:
    """Pay somebody."""
    raise NotImplementedError(arguments, books)


def close(arguments: Nothing, books: Books) -> Nothing:
    """Close the books."""
    raise NotImplementedError(arguments, books)


PAYS = Effect(says=lambda a: f"pay {a.name}")
TOOLS = {"look": build(look, "read"), "pay": build(pay, "write", PAYS)} | {
    "close": build(close, "operation")
}
SKILL = Skill(
    kind="settle",
    about="Settles.",
    prompt="p.md",
    review_prompt="r.md",
    tools=("look",),
    may_propose=("pay",),
    decisions=("pay",),
)
SPECIALIST = Specialist(app_id="specialist-one", skills=("settle",))
MANIFEST = Manifest(
    name="tiny",
    about="A pack.",
    plan_prompt="p.md",
    synthesis_prompt="p.md",
    specialists=(SPECIALIST,),
    skills=(SKILL,),
    jobs=(Job(name="nightly", schedule="@daily", operation="close"),),
    at_start=("close",),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "tiny"
    home.mkdir()
    for name in ("p.md", "r.md"):
        (home / name).write_text("Be careful.")
    return home


def refusal(pack: Pack) -> str:
    with pytest.raises(Abandon) as refused:
        check(pack)
    assert refused.value.failure.title == "BadPack"
    return refused.value.failure.detail


def with_skill(**changed: Any) -> Manifest:
    return MANIFEST.model_copy(update={"skills": (SKILL.model_copy(update=changed),)})


def test_a_pack_in_which_everything_agrees_is_good(folder: Path) -> None:
    check(Pack(MANIFEST, TOOLS, folder))


def test_the_packs_of_this_repository_load() -> None:
    pack = load("payables")

    assert pack.app_of("read-invoice") == "specialist-documents"
    assert load("payables") is pack


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (
            MANIFEST.model_copy(
                update={"skills": (*MANIFEST.skills, SKILL.model_copy(update={"kind": "read"}))}
            ),
            "kind read has no specialist",
        ),
        (
            MANIFEST.model_copy(
                update={"specialists": (Specialist(app_id="a", skills=("settle", "sing")),)}
            ),
            "kind sing has no skill",
        ),
        (
            MANIFEST.model_copy(
                update={"specialists": (SPECIALIST, Specialist(app_id="b", skills=("settle",)))}
            ),
            "kind settle has two specialists",
        ),
        (with_skill(tools=("pay",)), "settle: no read tool pay"),
        (with_skill(tools=("listen",)), "settle: no read tool listen"),
        (with_skill(may_propose=("look",)), "settle: no write tool look"),
        (with_skill(prompt="lost.md"), "settle: no file lost.md"),
        (with_skill(review_prompt="lost.md"), "settle: no file lost.md"),
        (MANIFEST.model_copy(update={"at_start": ("pay",)}), "there is no operation pay"),
        (
            MANIFEST.model_copy(
                update={"jobs": (Job(name="x", schedule="@daily", operation="lost"),)}
            ),
            "there is no operation lost",
        ),
    ],
)
def test_a_pack_in_which_something_is_missing_is_refused(
    folder: Path, manifest: Manifest, says: str
) -> None:
    assert says in refusal(Pack(manifest, TOOLS, folder))


def test_every_fault_is_told_at_once(folder: Path) -> None:
    manifest = with_skill(prompt="lost.md", tools=("pay",))

    says = refusal(Pack(manifest, TOOLS, folder))

    assert "no file lost.md" in says
    assert "no read tool pay" in says


def test_an_unknown_kind_names_itself_and_what_there_is(folder: Path) -> None:
    with pytest.raises(Abandon) as refused:
        Pack(MANIFEST, TOOLS, folder).app_of("sing")

    assert refused.value.failure.title == "NoSpecialistAvailable"
    assert "'sing'; pack tiny has settle" in refused.value.failure.detail


def test_an_unknown_pack_names_itself_and_what_there_is() -> None:
    with pytest.raises(Abandon) as refused:
        load("payable")

    assert refused.value.failure.title == "UnknownPack"
    assert "'payable'; there is payables" in refused.value.failure.detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Manifest"),
        ("- a list", "Manifest"),
        ("name: [", "while parsing"),
        ("name: Tiny Pack\n", "name"),
        ("surprise: 1\n", "surprise"),
        ("tiers: {pay: {autonomous_up_to: {EUR: 10000}}}\n", "tiers"),
    ],
)
def test_a_malformed_manifest_is_refused_with_its_path(folder: Path, text: str, says: str) -> None:
    (folder / "pack.yaml").write_text(text)

    with pytest.raises(Abandon) as refused:
        read_manifest(folder)

    assert refused.value.failure.title == "BadPack"
    assert "tiny/pack.yaml" in refused.value.failure.detail
    assert says in refused.value.failure.detail


def test_a_manifest_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "pack.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(Abandon) as refused:
        read_manifest(folder)

    assert refused.value.failure.title == "BadPack"


class Bare(BaseModel):
    """An argument that nobody described."""

    name: str


def undescribed(arguments: Bare, books: Books) -> Nothing:
    """Do something."""
    raise NotImplementedError(arguments, books)


def undocumented(arguments: Named, books: Books) -> Nothing:
    raise NotImplementedError(arguments, books)


def untyped(arguments, books):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Do something."""
    raise NotImplementedError(arguments, books)


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: build(undescribed, "read"), "describes 'name'"),
        (lambda: build(undocumented, "read"), "has a docstring"),
        (lambda: build(untyped, "read"), "takes `arguments: Model`"),
        (lambda: build(pay, "write"), "declares its Effect"),
        (lambda: build(look, "read", PAYS), "declares its Effect"),
        (lambda: build(look, "read", origins=Origins(goal=("lost",))), "to be the goal"),
    ],
)
def test_a_tool_that_is_not_fully_described_is_refused(
    declare: Callable[[], Tool], says: str
) -> None:
    with pytest.raises(Abandon) as refused:
        declare()

    assert refused.value.failure.title == "ToolRefused"
    assert says in refused.value.failure.detail


def test_a_tool_of_another_kind_is_not_offered(folder: Path) -> None:
    pack = Pack(MANIFEST, TOOLS | {"look": replace(TOOLS["look"], kind="operation")}, folder)

    assert "settle: no read tool look" in refusal(pack)
