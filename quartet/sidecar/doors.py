"""The two doors of an agent over invocation: models, and read tools; agents hold no credential.

What they hold instead is the transaction token of the step that they work on, and only while they
work: it is fetched when a door is first used, and never stored.
"""

import time
from dataclasses import dataclass, field

from quartet.contracts.base import Fields, Json, Name, TaskId, ValueId
from quartet.contracts.chat import ChatAnswer, ChatRequest
from quartet.contracts.effect import StoredValue, ToolAnswer, ToolCall
from quartet.contracts.token import TokenGiven, TokenWanted
from quartet.packs.tool import Tool
from quartet.sidecar.ports import Invoker
from quartet.trust.keys import Clock

MODEL_TIMEOUT_S = 150.0
TOOL_TIMEOUT_S = 30.0
LEFT_S = MODEL_TIMEOUT_S + 30.0
"""What has to be left of a token's life: the longest call, and the settlement after it."""


@dataclass
class Step:
    """One activity of an agent on one attempt, and its transaction token."""

    invoker: Invoker
    task: TaskId
    subtask: Name
    attempt: int
    clock: Clock = time.monotonic
    _token: str = field(default="", repr=False)
    _until: float = 0.0

    def token(self) -> str:
        """Return a token that outlives the next call; raises Failing when the step is not live."""
        if not self._token or self.clock() > self._until:
            wanted = TokenWanted(task=self.task, subtask=self.subtask, attempt=self.attempt)
            asked_at = self.clock()
            given = self.invoker.call("coordinator", "tokens", wanted, TokenGiven)
            self._token, self._until = given.token, asked_at + given.expires_in_s - LEFT_S
        return self._token


@dataclass(frozen=True)
class ModelDoor:
    """Completions through the models service."""

    step: Step

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Return the answer; see the port in quartet.agents."""
        path, token = "v1/chat/completions", self.step.token()
        invoker = self.step.invoker
        return invoker.call("models", path, request, ChatAnswer, MODEL_TIMEOUT_S, token)


@dataclass(frozen=True)
class ToolDoor:
    """Read tools for one attempt at one subtask: documents in reader, the rest in toolbox."""

    step: Step

    def read(self, tool: Tool, arguments: Fields) -> Json:
        """Return the value id and result of one call; see the port in quartet.agents."""
        app_id = "reader" if tool.kind == "untrusted-read" else "toolbox"
        step, path = self.step, f"tools/{tool.name}"
        sent = ToolCall(
            task=step.task, subtask=step.subtask, attempt=step.attempt, arguments=arguments
        )
        token = step.token()
        answer = step.invoker.call(app_id, path, sent, ToolAnswer, TOOL_TIMEOUT_S, token)
        return answer.model_dump(mode="json")

    def value(self, value: ValueId) -> StoredValue:
        """Return a stored value of the task."""
        path, token = f"values/{self.step.task}/{value}", self.step.token()
        return self.step.invoker.call("toolbox", path, None, StoredValue, token=token)
