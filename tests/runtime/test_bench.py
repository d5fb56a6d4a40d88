"""The bench in its quick form on the real runtime: it works and cleans up; no figure is tested."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.figures import Report
from quartet.runtime.layout import repository

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(460)]
TITLES = (
    "Beside the bare task of 8 steps",
    "Durable steps of one task",
    "CPU per task",
    "What one task leaves behind",
    "At 100 ms a completion",
    "Plans of so many independent subtasks",
    "Starting, memory, idle",
    "What governance costs",
)


def mentions(process: psutil.Process, text: str) -> bool:
    try:
        return any(text in word for word in (*process.cmdline(), *process.environ().values()))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def test_a_quick_bench_prints_its_tables_and_leaves_nothing_running(tmp_path: Path) -> None:
    folder, figures = tmp_path / "temporary", tmp_path / "figures.json"
    folder.mkdir()

    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(figures)],
        cwd=repository(),
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [title for title in TITLES if title not in done.stdout] == []
    report = Report.model_validate_json(figures.read_text())
    assert report.beside is not None
    assert all(one.burst.completed == one.burst.tasks for one in report.beside.contenders)
    assert [p for p in psutil.process_iter() if mentions(p, str(folder))] == []
    assert list(folder.iterdir()) == []
