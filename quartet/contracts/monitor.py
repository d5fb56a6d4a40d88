"""What the monitor goes by and what it says of agents; how it counts is the toolbox's business."""

from typing import Literal

from pydantic import Field

from quartet.contracts.base import Contract, Line, Name

Finding = Literal["fine", "warn", "pause"]


class Watch(Contract):
    """From where on an agent is warned of, and from where on it is paused.

    A rate counts only above ``least_per_minute`` calls and as a multiple of its own baseline;
    repeats are identical calls of one attempt; burn is the time until a day's money is gone.
    """

    least_per_minute: int = Field(default=1200, ge=1)
    warn_factor: float = Field(default=4.0, gt=1)
    pause_factor: float = Field(default=10.0, gt=1)
    warn_repeats: int = Field(default=4, ge=2)
    pause_repeats: int = Field(default=8, ge=2)
    warn_minutes_left: float = Field(default=30.0, gt=0)
    pause_minutes_left: float = Field(default=5.0, gt=0)


class AgentView(Contract):
    """One agent as the monitor sees it."""

    app_id: Name
    state: Literal["running", "paused"]
    why: Line = ""
    since: str = ""
    by: str = ""
    warned: Line = ""
    calls_per_minute: int = 0
    baseline: float = 0.0


class Agents(Contract):
    """Every agent of the pack."""

    agents: tuple[AgentView, ...]
