"""Alembic's entry to the task store's migrations."""

from quartet.service.migration import run_migrations

run_migrations()
