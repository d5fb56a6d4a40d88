"""Canaries as people see and steer them: the share of tasks, and figures to compare with."""

from typing import Annotated

from pydantic import Field

from quartet.contracts.base import Contract, Line, Name

Percent = Annotated[int, Field(ge=0, le=100)]


class ShareWanted(Contract):
    """How many of a hundred new tasks a canary is to get, and why."""

    percent: Percent
    why: Line = ""


class Figures(Contract):
    """What became of the subtasks of one app-id, of tasks that came in since some moment."""

    subtasks: int = 0
    done: int = 0
    rejected: int = 0
    failed: int = 0
    revised: int = 0
    """Verdicts that asked for another attempt."""
    held: int = 0
    """Subtasks that wait for a person's decision now."""


class CanaryView(Contract):
    """A declared canary: its share, since when it has one, and how it does beside its base."""

    app_id: Name
    canary_of: Name
    percent: Percent = 0
    by: str = ""
    changed: str = ""
    why: Line = ""
    since: str = ""
    """When its share last rose from nothing: the figures count tasks that came in after that."""
    under_way: int = 0
    """Subtasks that the canary has and that have not ended, whenever their tasks came in."""
    figures: Figures = Figures()
    base: Figures = Figures()


class Canaries(Contract):
    """Every declared canary of the suite."""

    canaries: tuple[CanaryView, ...]
