"""The table of checks at the end of a run on the cluster: each with its result and time."""

from dataclasses import dataclass

ON_CLUSTER = "QUARTET_ON_CLUSTER"
"""Where the tests can reach a cluster: `tests` or `drills`; without it none is collected."""


@dataclass(frozen=True)
class Check:
    """One test that ran."""

    name: str
    result: str
    seconds: float


def sentence(nodeid: str) -> str:
    """Return a test's name as words: `tests/k8s/test_a.py::test_it_runs[x]` is `it runs, x`."""
    name = nodeid.rpartition("::")[2].removeprefix("test_")
    words, _, parameter = name.removesuffix("]").partition("[")
    said = words.replace("_s_", "'s ").replace("_", " ")
    return f"{said}, {parameter}" if parameter else said


def table(checks: list[Check]) -> str:
    """Return the checks as a table in Markdown."""
    rows = [f"| {one.name} | {one.result} | {one.seconds:.1f} s |" for one in checks]
    return "\n".join(("| check | result | time |", "|---|---|---|", *rows))
