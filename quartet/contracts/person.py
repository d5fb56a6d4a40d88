"""A person who signed in: name, tenant, roles and groups, as an issuer's token says."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from quartet.contracts.base import Contract, Name

Role = Literal["submitter", "approver", "operator", "auditor", "admin"]
"""submitter: own tasks; approver: decides; operator: runs and pauses; auditor: reads all; admin."""
DEFAULT_TENANT = "default"
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,255}$")]
"""A mail address."""


class Person(Contract):
    """Who asks; ``name`` is the token's subject, ``groups`` are whom approvals are routed to."""

    name: str
    tenant: Name = DEFAULT_TENANT
    roles: tuple[Role, ...] = ()
    groups: tuple[Name, ...] = ()


class Listed(Person):
    """A person as people.yaml lists one; ``mail`` is where notices go."""

    mail: Address | None = None


class People(Contract):
    """people.yaml: whom the local issuer signs in, and where notices to people go."""

    people: tuple[Listed, ...] = ()

    def find(self, name: str) -> Listed | None:
        """Return the person of this name."""
        return next((one for one in self.people if one.name == name), None)

    def of_group(self, tenant: Name, group: Name) -> tuple[Listed, ...]:
        """Return the people of a tenant who are in a group."""
        return tuple(p for p in self.people if p.tenant == tenant and group in p.groups)
