"""The README: its commands run as they stand, in their order, on the real runtime."""

import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(460)]

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
TIDY = """
trap 'kill -9 %1 2>/dev/null || true; .venv/bin/quartet suite down >/dev/null 2>&1 || true' EXIT
set -euo pipefail
"""


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    commands = BLOCKS[0].strip().splitlines()

    assert commands == ["make demo", "make test"]
    for command in commands:
        subprocess.run([*command.split(), "-n"], cwd=ROOT, check=True, capture_output=True)


def test_every_other_command_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    script = tmp_path / "readme.sh"
    data = tmp_path / "data"
    script.write_text(TIDY + "\n".join(BLOCKS[1:]).replace(".quartet/data", str(data)))
    said = tmp_path / "said"

    with said.open("wb") as out:
        done = subprocess.run(
            ["bash", script],
            cwd=ROOT,
            env=os.environ | {"QUARTET_DATA": str(data), "TERM": "dumb", "COLUMNS": "160"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=440,
            check=False,
        )

    text = said.read_text(errors="replace")
    assert done.returncode == 0, text[-4000:]
    assert "scheduled" in text, text
    assert "held-for-approval" in text or "waiting" in text, text
    assert re.search(r"\d+-0\b", text), "redis-cli printed no stream entry id:\n" + text
