"""The verbs `quartet policy ...`: what a pack's policy is, and whether it rules as it should."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from quartet.cli.speech import AsJson, Told, cell, emit, one_line_errors, say, table, terminal
from quartet.contracts.base import Fields
from quartet.packs.load import Pack, load
from quartet.policy.cases import Tried, tried
from quartet.policy.engine import Policy, policy_of
from quartet.policy.texts import SUITE, names_of, policy_file, read
from quartet.resilience.failures import Failing
from quartet.runtime.shape import shape_of

policy_app = typer.Typer(help="The policy: who may do what, at which tier.", no_args_is_help=True)

PackName = Annotated[
    str | None, typer.Argument(metavar="[PACK]", help="Default: QUARTET_PACK, else payables.")
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", envvar="QUARTET_POLICY", help="The pack's policy, if not its policy.cedar."
    ),
]


@policy_app.command("test")
def try_cases(name: PackName = None, file: File = None, *, as_json: AsJson = False) -> None:
    """Try the cases of a pack's policy-tests.yaml; exits 1 when one is ruled otherwise."""
    with _told():
        pack, policy = _loaded(name, file)
        cases = list(tried(pack, policy))
    wrong = [case for case in cases if case.wrong]
    if as_json:
        emit({"pack": pack.manifest.name, "version": policy.version, "cases": [*map(_row, cases)]})
    else:
        _show(cases)
        say(f"{len(cases) - len(wrong)} of {len(cases)} cases of {pack.manifest.name} are right")
    if wrong:
        raise typer.Exit(1)


@policy_app.command("show")
def show(
    name: PackName = None,
    file: File = None,
    mode: Annotated[
        str, typer.Option(envvar="QUARTET_POLICY_MODE", help="As the toolbox is told it.")
    ] = "enforce",
    *,
    as_json: AsJson = False,
) -> None:
    """Say which policy a toolbox started now would have: version, files, mode, ids."""
    with _told():
        pack, policy = _loaded(name, file)
    found: Fields = {
        "pack": pack.manifest.name,
        "version": policy.version,
        "mode": mode,
        "files": [str(SUITE), str(file or policy_file(pack))],
        "policies": [*policy.annotations],
    }
    if as_json:
        emit(found)
        return
    for key, value in found.items():
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines):
            say(f"{'' if number else key:9}{line}")


def _loaded(name: str | None, file: Path | None) -> tuple[Pack, Policy]:
    pack = load(shape_of(name).pack)
    return pack, policy_of(read(file or policy_file(pack)), names_of(pack))


def _row(case: Tried) -> Fields:
    ruling = case.ruling.model_dump(mode="json", exclude={"version", "logged"})
    return {"name": case.case.name, "wrong": [*case.wrong], **ruling}


def _show(cases: list[Tried]) -> None:
    shown = table("case", "tier", "policies", "")
    for case in cases:
        ruling = case.ruling
        people = f" by {ruling.approvers}" if ruling.approvers > 1 else ""
        told = "; ".join(case.wrong) or "right"
        shown.add_row(
            cell(case.case.name),
            cell(f"{ruling.tier}{people}"),
            cell(", ".join(ruling.policies)),
            cell(told),
        )
    terminal().print(shown)


@contextmanager
def _told() -> Iterator[None]:
    """Tell a pack or policy that does not fit in one line."""
    with one_line_errors():
        try:
            yield
        except Failing as error:
            raise Told(error.failure.detail) from error
