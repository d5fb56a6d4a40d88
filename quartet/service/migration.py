"""How Alembic brings a service's database up to date: all or nothing, one process at a time."""

from alembic import context

from quartet.service.database import connect

LOCK = 7106
"""An advisory lock of Postgres; nothing else on the database takes this number."""


def run_migrations() -> None:
    """Run every missing migration in one transaction; each service's env.py calls this."""
    engine = connect(context.config.attributes["url"])
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        context.configure(connection=connection, transactional_ddl=True)
        context.run_migrations()
    engine.dispose()
