"""The two doors of an agent over invocation: models, and read tools; agents hold no credential."""

from dataclasses import dataclass

from quartet.contracts.base import Fields, Json, Name, TaskId, ValueId
from quartet.contracts.chat import ChatAnswer, ChatRequest
from quartet.contracts.effect import StoredValue, ToolAnswer, ToolCall
from quartet.packs.tool import Tool
from quartet.sidecar.ports import Invoker

MODEL_TIMEOUT_S = 150.0
TOOL_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class ModelDoor:
    """Completions through the models service."""

    invoker: Invoker

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Return the answer; see the port in quartet.agents."""
        path = "v1/chat/completions"
        return self.invoker.call("models", path, request, ChatAnswer, MODEL_TIMEOUT_S)


@dataclass(frozen=True)
class ToolDoor:
    """Read tools for one attempt at one subtask: documents in reader, the rest in toolbox."""

    invoker: Invoker
    task: TaskId
    subtask: Name
    attempt: int

    def read(self, tool: Tool, arguments: Fields) -> Json:
        """Return the value id and result of one call; see the port in quartet.agents."""
        app_id = "reader" if tool.kind == "untrusted-read" else "toolbox"
        sent = ToolCall(
            task=self.task, subtask=self.subtask, attempt=self.attempt, arguments=arguments
        )
        path = f"tools/{tool.name}"
        answer = self.invoker.call(app_id, path, sent, ToolAnswer, TOOL_TIMEOUT_S)
        return answer.model_dump(mode="json")

    def value(self, value: ValueId) -> StoredValue:
        """Return a stored value of the task."""
        return self.invoker.call("toolbox", f"values/{self.task}/{value}", None, StoredValue)
