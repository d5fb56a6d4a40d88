"""The pack manifest, pack.yaml: specialists, skills, limits, report; tools live in tools.py."""

from typing import Annotated, Literal

from pydantic import Field

from quartet.contracts.base import Contract, Name
from quartet.contracts.budget import Budgets
from quartet.contracts.monitor import Watch


class Specialist(Contract):
    """One app-id of the specialist image and the skills it runs."""

    app_id: Name
    skills: Annotated[tuple[Name, ...], Field(min_length=1)]
    reads_documents: bool = False
    canary_of: Name | None = None
    """Whose place it takes for a share of the tasks; declared to a suite, never in pack.yaml."""


class Skill(Contract):
    """What a specialist can do: a subtask kind, its prompts, its read tools and its decisions."""

    kind: Name
    about: str
    prompt: str
    review_prompt: str
    tools: tuple[str, ...] = ()
    may_propose: tuple[str, ...] = ()
    decisions: Annotated[tuple[Name, ...], Field(min_length=1)]
    fails: tuple[Name, ...] = ()
    """Decisions that, once accepted by the critic, end the task as failed."""


class Column(Contract):
    """A column of the batch table: a title and a JMESPath over the task view."""

    title: str
    value: str


class Job(Contract):
    """An operation that a Dapr job calls on a schedule (cron or ``@every 24h``)."""

    name: Name
    schedule: str
    operation: str


class Manifest(Contract):
    """pack.yaml, whole."""

    name: Name
    about: str
    plan_prompt: str
    synthesis_prompt: str
    needs_documents: Literal["one", "none", "any"] = "any"
    specialists: Annotated[tuple[Specialist, ...], Field(min_length=1)]
    skills: Annotated[tuple[Skill, ...], Field(min_length=1)]
    budgets: Budgets = Budgets()
    watch: Watch = Watch()
    """From where on the monitor warns of an agent, and pauses it."""
    report: tuple[Column, ...] = ()
    jobs: tuple[Job, ...] = ()
    at_start: tuple[str, ...] = ()
    """Operations that the toolbox runs once when it starts, after migrations."""
