"""How Alembic brings the ledger up to date: all or nothing, one process at a time."""

from alembic import context

from quartet.service.database import connect

LOCK = 7106
"""Of Postgres; any number that nothing else on the database locks."""


def run() -> None:
    """Run every missing migration in one transaction."""
    engine = connect(context.config.attributes["url"])
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            connection.commit()
        context.configure(connection=connection, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
