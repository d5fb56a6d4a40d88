"""How Alembic connects to the documents: see quartet.service.migration."""

from quartet.service.migration import run_migrations

run_migrations()
