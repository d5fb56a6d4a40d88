"""The blocks of docs/operations.md by the heading or bold word before them, run as they stand."""

import re
from dataclasses import dataclass
from pathlib import Path

from quartet.runtime.layout import repository
from tests.k8s.readme import as_it_stands
from tests.k8s.release import Release

DOCUMENT = "docs/operations.md"
_BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def blocks_under(heading: str) -> list[str]:
    """Return the blocks of the section with this heading, without those of its subsections."""
    text = (repository() / DOCUMENT).read_text(encoding="utf-8")
    section = re.split(rf"^#+ {re.escape(heading)}$", text, maxsplit=1, flags=re.MULTILINE)[1]
    return _BLOCK.findall(re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0])


@dataclass(frozen=True)
class Operator:
    """Somebody who types what the document says, all of it against one folder."""

    release: Release
    folder: Path

    def types(self, block: str) -> str:
        """Run a block; returns what it said, fails with it."""
        return as_it_stands(block, self.folder, self.release.namespace)
