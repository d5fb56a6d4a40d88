"""A person who signed in: name, tenant, roles and groups, as an issuer's token says."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from quartet.contracts.base import Contract, Name

Role = Literal["submitter", "approver", "operator", "auditor", "admin"]
"""submitter: own tasks; approver: decides; operator: runs and pauses; auditor: reads all; admin."""
WHOLE_TENANT: tuple[Role, ...] = ("approver", "operator", "auditor")
"""Who sees every task of the tenant; a submitter sees the own ones."""
DEFAULT_TENANT = "default"
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,255}$")]
"""A mail address."""


class Person(Contract):
    """Who asks; ``name`` is the token's subject, ``groups`` are whom approvals are routed to."""

    name: str
    tenant: Name = DEFAULT_TENANT
    roles: tuple[Role, ...] = ()
    groups: tuple[Name, ...] = ()

    def has(self, *roles: Role) -> bool:
        """Return whether the person has one of the roles; an admin has every one."""
        return bool({"admin", *roles} & set(self.roles))

    @property
    def runs_suite(self) -> bool:
        """Whether what belongs to no tenant is this person's too: books, dead letters, audit.

        So it is for the people of the default tenant, as far as their roles go, and for admins.
        """
        return self.tenant == DEFAULT_TENANT or "admin" in self.roles

    def sees(self, tenant: Name, requester: str) -> bool:
        """Return whether a task of this tenant and requester is shown to the person."""
        if "admin" in self.roles:
            return True
        whole = self.has(*WHOLE_TENANT)
        return tenant == self.tenant and (
            whole or (self.has("submitter") and requester == self.name)
        )


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
