"""The algebra of labels: joining, comparing, and what of a labelled value somebody may read.

A join is the least trusted integrity and the readers that all have in common. It is associative,
commutative, idempotent and monotone, so it does not matter in which order data were mixed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

from quartet.contracts.base import Json
from quartet.contracts.label import ANYONE, INTEGRITIES, Integrity, Label, Labels, Readers

TOP = Label(integrity="user", readers=(ANYONE,))
"""Joining it changes nothing: the label of what was made from no data at all."""
UNKNOWN = Label(integrity="untrusted-source", readers=())
"""The label of what has none: nobody's word, for nobody to read."""
Path = tuple[str, ...]


def less_trusted(one: Integrity, other: Integrity) -> Integrity:
    """Return the less trusted of two."""
    return max(one, other, key=INTEGRITIES.index)


def join(one: Label, other: Label) -> Label:
    """Return the label of what was made from both."""
    return Label(
        integrity=less_trusted(one.integrity, other.integrity),
        readers=_common(one.readers, other.readers),
    )


def join_all(labels: Iterable[Label]) -> Label:
    """Return the label of what was made from all of them; TOP when there is none."""
    return reduce(join, labels, TOP)


def within(one: Label, other: Label) -> bool:
    """Return whether ``one`` is at most as trusted as ``other``, and at most as widely readable."""
    return join(one, other) == one


def may_read(label: Label, reader: str) -> bool:
    """Return whether a reader (an app-id, or a group such as ``people``) may read."""
    return ANYONE in label.readers or reader in label.readers


@dataclass(frozen=True)
class Labelled:
    """A value with its labels as a tree; made once, then asked about its parts."""

    label: Label
    parts: dict[str, "Labelled"] = field(default_factory=dict)

    def inside(self, step: str) -> "Labelled":
        """Return the labels of a part: its own, those of any item, else those of the whole."""
        found = self.parts.get(step) or self.parts.get("*")
        return found or Labelled(self.label)

    def at(self, path: Iterable[str]) -> "Labelled":
        """Return the labels of the part at a path."""
        return reduce(Labelled.inside, path, self)

    def whole(self) -> Label:
        """Return the join of this part's label and of all in it."""
        return join_all((self.label, *(part.whole() for part in self.parts.values())))

    def shown_to(self, reader: str, content: Json) -> tuple[Json, tuple[str, ...]]:
        """Return what a reader may see of the content, and the paths of what is withheld."""
        withheld: list[Path] = []
        shown = _shown(self, reader, content, (), withheld)
        return (shown[0] if shown else None), tuple(dict.fromkeys(map(".".join, withheld)))


def tree(labels: Labels) -> Labelled:
    """Return labels by path as a tree; a value without any is UNKNOWN."""
    root = Labelled(labels.get("", UNKNOWN))
    for path in sorted(labels.keys() - {""}, key=lambda p: p.count(".")):
        *before, last = path.split(".")
        node = root
        for step in before:
            node = node.parts.setdefault(step, Labelled(node.label))
        node.parts[last] = Labelled(labels[path])
    return root


def _common(one: Readers, other: Readers) -> Readers:
    if ANYONE in one:
        return other
    return one if ANYONE in other else tuple(r for r in one if r in other)


def _shown(
    node: Labelled, reader: str, content: Json, path: Path, withheld: list[Path]
) -> tuple[Json, ...]:
    """Return the content without what is withheld; nothing where all of it is."""
    if isinstance(content, dict) and content:
        fields = {
            name: _shown(node.inside(name), reader, part, (*path, name), withheld)
            for name, part in content.items()
        }
        seen: Json = {name: part for name, kept in fields.items() for part in kept}
        return (seen,) if seen else ()
    if isinstance(content, list) and content:
        inner, at = node.inside("*"), (*path, "*")
        items = [one for part in content for one in _shown(inner, reader, part, at, withheld)]
        return (items,) if items else ()
    if may_read(node.label, reader):
        return (content,)
    withheld.append(path)
    return ()
