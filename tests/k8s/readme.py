"""Blocks of commands of the documents, run by a shell as they stand; here those of the README."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from quartet.runtime.layout import repository

SECTION = (
    (repository() / "README.md").read_text().split("\n## On Kubernetes\n")[1].split("\n## ")[0]
)
BLOCKS = re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)
KEPT = ".quartet/"
NAMESPACE = "suite"


def as_it_stands(block: str, within: Path | None = None, namespace: str = NAMESPACE) -> str:
    """Run a block, what it keeps in .quartet elsewhere; returns what it said, fails with it.

    ``within`` is the folder that several blocks share.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = "trap 'kill %1 2>/dev/null || true' EXIT\nset -euo pipefail\n" + block
        script = script.replace(KEPT, f"{within or folder}/")
        said = Path(folder) / "said"
        with said.open("wb") as out:
            done = subprocess.run(
                ["bash", "-c", script.replace(f"-n {NAMESPACE}", f"-n {namespace}")],
                cwd=repository(),
                env=os.environ | {"TERM": "dumb", "COLUMNS": "160"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=380,
                check=False,
            )
        text = said.read_text(errors="replace")
    assert done.returncode == 0, text[-4000:]
    return text
