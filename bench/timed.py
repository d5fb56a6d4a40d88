"""The coordinator with a clock at its calls of `commit`: the gate through both sidecars."""

import json
import time
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from quartet.service.settings import from_environment
from quartet.service.web import serve
from quartet.sidecar.client import Sidecar
from services.coordinator.app import Coordinator, build

Got = TypeVar("Got", bound=BaseModel)
COMMITS = Path("coordinator", "bench-commits.jsonl")
"""Seconds of each commit in the data folder, one JSON number a line."""


class Timed(Sidecar):
    """A sidecar that notes how long each commit took."""

    noted: Path

    def call(  # noqa: PLR0913 - the port's own
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        """Call a verb; see the port."""
        begun = time.perf_counter()
        answer = super().call(app_id, path, sent, returns, timeout_s, token)
        if path == "commit":
            with self.noted.open("a") as file:
                file.write(json.dumps(time.perf_counter() - begun) + "\n")
        return answer


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    sidecar = Timed(settings.app_id, settings.dapr_http_port, settings.api_token)
    sidecar.noted = settings.data / COMMITS
    serve(build(Coordinator(settings, sidecar, sidecar, sidecar.signer)), settings)


if __name__ == "__main__":
    main()
