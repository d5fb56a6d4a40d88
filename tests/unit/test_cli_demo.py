from pathlib import Path

import pytest

from quartet.cli.demo import ELSEWHERE, MARKER, data_folder, fresh
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder, repository
from quartet.runtime.shape import shape_of

SHAPE = shape_of("payables")


@pytest.fixture(autouse=True)
def _no_suite_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that no suite runs on this machine, whatever does."""
    monkeypatch.setattr("quartet.cli.demo.suite_holder", lambda: None)


def test_the_demo_has_a_folder_of_its_own() -> None:
    assert data_folder(None) == repository() / ".quartet" / "demo"


def test_what_an_earlier_demo_left_is_deleted(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "demo")
    fresh(folder, SHAPE)
    (folder.root / "toolbox").mkdir()

    fresh(folder, SHAPE)

    assert [p.name for p in folder.root.iterdir()] == [MARKER]


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("mine")

    with pytest.raises(SetupError, match="holds what no demo made"):
        fresh(DataFolder(tmp_path), SHAPE)
    with pytest.raises(SetupError, match="is no folder"):
        fresh(DataFolder(kept), SHAPE)

    assert kept.read_text() == "mine"


def test_while_a_suite_runs_nothing_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(tmp_path / "demo")
    fresh(folder, SHAPE)
    (folder.root / "toolbox").mkdir()
    monkeypatch.setattr("quartet.cli.demo.suite_holder", lambda: 7)
    monkeypatch.setattr("quartet.cli.demo.data_folder_of", lambda _: tmp_path / "other")

    with pytest.raises(SetupError, match=r"suite down --data .*other"):
        fresh(folder, SHAPE)

    assert (folder.root / "toolbox").exists()


@pytest.mark.parametrize("name", ELSEWHERE)
def test_books_elsewhere_would_not_be_fresh(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "postgresql://somewhere")

    with pytest.raises(SetupError, match=f"Unset {name}"):
        fresh(DataFolder(tmp_path / "demo"), SHAPE)
