"""Structured logs of a service: one JSON object a line on standard error; no secret is logged."""

import json
import logging
import sys
from datetime import UTC, datetime

from quartet.trust.sensitive import masked


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: time, level, logger, message, error.

    Secrets by their form, those that are ``known``, and account numbers are masked.
    """

    def __init__(self, known: frozenset[str] = frozenset()) -> None:
        """Take this process's own secrets."""
        super().__init__()
        self._known = known

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage(), self._known),
        }
        if record.exc_info:
            line["error"] = masked(self.formatException(record.exc_info), self._known)
        return json.dumps(line, ensure_ascii=False)


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a part of a service."""
    return logging.getLogger(f"quartet.{name}")


def start_logging(level: str = "INFO", known: frozenset[str] = frozenset()) -> None:
    """Send this process's logs to standard error as JSON lines, without its ``known`` secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(known))
    logging.basicConfig(level="WARNING", handlers=[handler], force=True)
    logging.getLogger("quartet").setLevel(level)
