"""The blocks of the README's section on Kubernetes, run by a shell as they stand."""

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
FOLDER = ".quartet/on-kubernetes"


def as_it_stands(block: str) -> str:
    """Run a block, its data folder elsewhere; returns what it said, fails with it."""
    with tempfile.TemporaryDirectory() as folder:
        script = "trap 'kill %1 2>/dev/null || true' EXIT\nset -euo pipefail\n" + block
        said = Path(folder) / "said"
        with said.open("wb") as out:
            done = subprocess.run(
                ["bash", "-c", script.replace(FOLDER, f"{folder}/data")],
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
