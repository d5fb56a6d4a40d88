"""What attacks came to: tried, stopped, by which layer; collected by tests, printed as a table."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".attacks"


@dataclass(frozen=True)
class Attempt:
    """Attacks of one kind: OWASP codes, what was tried, how often, how often stopped, and where."""

    codes: tuple[str, ...]
    attack: str
    tried: int
    stopped: int
    layer: str

    @property
    def held_off(self) -> bool:
        """Whether each of them was stopped."""
        return self.stopped == self.tried > 0


def together(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Return one row for each attack and layer."""
    tried: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    stopped: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    for one in attempts:
        row = (one.codes, one.attack, one.layer)
        tried[row] += one.tried
        stopped[row] += one.stopped
    return tuple(
        Attempt(codes, attack, count, stopped[codes, attack, layer], layer)
        for (codes, attack, layer), count in sorted(tried.items())
    )


def noted(name: str, attempts: Iterable[Attempt], folder: Path = FOLDER) -> None:
    """Write the rows of a test file where ``collected`` finds them; earlier ones of it go."""
    folder.mkdir(exist_ok=True)
    rows = [asdict(one) for one in attempts]
    (folder / f"{name}.json").write_text(json.dumps(rows, indent=1))


def collected(folder: Path = FOLDER) -> tuple[Attempt, ...]:
    """Return the rows of all test files that have run."""
    rows = [row for path in sorted(folder.glob("*.json")) for row in json.loads(path.read_text())]
    return together(Attempt(**row | {"codes": tuple(row["codes"])}) for row in rows)


def table(attempts: Iterable[Attempt]) -> str:
    """Return the rows as Markdown."""
    lines = ["| codes | attack | tried | stopped | by |", "|---|---|---|---|---|"]
    lines += [
        f"| {' '.join(a.codes)} | {a.attack} | {a.tried} | {a.stopped} | {a.layer} |"
        for a in attempts
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(collected()))  # noqa: T201 - the table is what it is for
