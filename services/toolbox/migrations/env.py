"""Alembic's entry to the ledger's migrations."""

from quartet.service.migration import run_migrations

run_migrations()
