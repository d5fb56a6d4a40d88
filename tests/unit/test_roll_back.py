"""What an older version does with a newer database: docs/operations.md says that it refuses it."""

from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import text

from quartet.runtime.layout import repository
from quartet.service.database import connect, migrate

SERVICES = ("coordinator", "toolbox", "reader", "console")


@pytest.mark.parametrize("service", SERVICES)
def test_a_version_refuses_a_database_with_a_migration_that_it_does_not_know(
    service: str, tmp_path: Path
) -> None:
    url, folder = f"sqlite:///{tmp_path}/one.db", repository() / "services" / service / "migrations"
    migrate(url, folder)
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_a_newer_version'"))
    engine.dispose()

    with pytest.raises(CommandError, match="of_a_newer_version"):
        migrate(url, folder)
