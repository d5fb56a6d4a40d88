"""What callers of the toolbox show a transaction token for; a refused one is in the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quartet.contracts.base import Name, TaskId
from quartet.contracts.budget import Reserve
from quartet.contracts.effect import Settlement, ToolCall
from quartet.contracts.token import TokenWanted
from quartet.service.tokens import TokenRefused, check_step, held, refused
from quartet.trust.keys import Keyring
from services.toolbox.ledger import Ledger


@dataclass(frozen=True)
class Held:
    """Holds callers against their tokens."""

    keyring: Keyring
    ledger: Ledger

    def for_tool(self, token: str, caller: Name, sent: ToolCall, tool: str) -> None:
        """Refuse a read tool that the caller's token does not name, or for another step."""
        with self._recorded(caller, sent.task):
            check_step(held(token, self.keyring, caller), step_of(sent), tool=tool)

    def for_task(self, token: str, caller: Name, task: TaskId) -> None:
        """Refuse what belongs to another task than that of the caller's token."""
        with self._recorded(caller, task):
            if (claims := held(token, self.keyring, caller)).txn != task:
                raise refused(f"is for {claims.txn}")

    def for_settlement(self, token: str, producer: Name, sent: Settlement) -> None:
        """Refuse what models or reader did for an agent without that agent's own token."""
        self._for_agent(token, producer, sent, sent.tool)

    def for_reservation(self, token: str, producer: Name, sent: Reserve) -> None:
        """Refuse what models or reader are about to do for an agent that showed them no token."""
        self._for_agent(token, producer, sent, sent.name)

    def _for_agent(self, token: str, producer: Name, sent: Settlement | Reserve, name: str) -> None:
        with self._recorded(producer, sent.task):
            claims = held(token, self.keyring, sent.caller)
            if producer == "models":
                check_step(claims, step_of(sent), skill=name)
            else:
                check_step(claims, step_of(sent), tool=name)

    @contextmanager
    def _recorded(self, caller: Name, task: TaskId) -> Iterator[None]:
        try:
            yield
        except TokenRefused as error:
            with self.ledger.write() as entry:
                body = {"caller": caller, "reason": error.failure.detail[:500]}
                entry.record("toolbox", "token-refused", task, {**body})
            raise


def step_of(sent: ToolCall | Settlement | Reserve) -> TokenWanted:
    """Return the step that a call says it is for."""
    return TokenWanted(task=sent.task, subtask=sent.subtask, attempt=sent.attempt)
