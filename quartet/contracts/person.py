"""A person who signed in: name, tenant, roles and groups, as an issuer's token says."""

from typing import Literal

from quartet.contracts.base import Contract, Name

Role = Literal["submitter", "approver", "operator", "auditor", "admin"]
"""submitter: own tasks; approver: decides; operator: runs and pauses; auditor: reads all; admin."""
DEFAULT_TENANT = "default"


class Person(Contract):
    """Who asks; ``name`` is the token's subject, ``groups`` are whom approvals are routed to."""

    name: str
    tenant: Name = DEFAULT_TENANT
    roles: tuple[Role, ...] = ()
    groups: tuple[Name, ...] = ()
