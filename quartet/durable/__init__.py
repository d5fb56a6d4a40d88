"""Typed durable steps over dapr.ext.workflow: steps, calls, waits, hosting; no domain logic."""
