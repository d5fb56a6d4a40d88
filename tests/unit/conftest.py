"""Fixtures that many test files share: the databases that a ledger may live in."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from quartet.packs.load import load
from services.toolbox.ledger import open_ledger
from tests.postgres import new_database

settings.register_profile("suite", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("suite")


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    open_ledger(f"sqlite:///{path}", path.parent, load("payables")).close()
    return path


@pytest.fixture(scope="session")
def postgres_ledger(postgres: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated database to copy."""
    url = new_database(postgres, "ledger_to_copy")
    open_ledger(url, tmp_path_factory.mktemp("files"), load("payables")).close()
    return "ledger_to_copy"


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated, empty ledger."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_ledger"), tmp_path / "ledger.db")
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    copied = request.getfixturevalue("postgres_ledger")
    return new_database(request.getfixturevalue("postgres"), like=copied)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return new_database(request.getfixturevalue("postgres"))
