"""How Alembic connects to the console's notices: see quartet.service.migration."""

from quartet.service.migration import run_migrations

run_migrations()
