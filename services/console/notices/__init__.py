"""Telling people what waits for them: by mail and by webhook, from an outbox, with reminders."""
