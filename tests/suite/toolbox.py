"""The toolbox with crash points around commits, decisions and what is told; run in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from starlette.middleware.base import RequestResponseEndpoint

from quartet.contracts.base import Contract
from quartet.packs.load import load
from quartet.service.database import connect
from quartet.service.settings import Settings, from_environment
from quartet.service.web import serve
from quartet.sidecar.client import Sidecar
from services.toolbox.app import build, governed
from services.toolbox.ledger import Entry, Ledger, open_ledger
from tests.suite.crashing import Points


class CrashingLedger(Ledger):
    """A ledger with a point before the end of each transaction with an effect or a decision."""

    def __init__(self, engine: Engine, files: Path, points: Points) -> None:
        """Take what a ledger takes, and the points."""
        super().__init__(engine, files)
        self._points = points

    @contextmanager
    def write(self) -> Iterator[Entry]:
        """Open a transaction; see the ledger."""
        with super().write() as entry:
            yield entry
            kinds = {row.kind for row in entry.records}
            if "approval-decided" in kinds:
                self._points.reach("in-decide")
            elif any(kind.startswith("effect-") for kind in kinds):
                self._points.reach("in-commit")


class CrashingSidecar(Sidecar):
    """A sidecar with a point before and after each event."""

    points: Points

    def publish(self, topic: str, event_id: str, data: Contract) -> None:
        """Publish; see the port."""
        self.points.reach(f"before-publish-{topic}")
        super().publish(topic, event_id, data)
        self.points.reach(f"after-publish-{topic}")


def opened(settings: Settings, points: Points) -> Ledger:
    """Return the ledger of the settings, migrated as the product does it, with its point."""
    files = settings.data / "toolbox" / "payments"
    files.mkdir(parents=True, exist_ok=True)
    url = settings.database("ledger")
    open_ledger(url, files, load(settings.pack, settings.canaries)).close()
    return CrashingLedger(connect(url), files, points)


def with_points(app: FastAPI, points: Points) -> FastAPI:
    """Put a point before a commit or decision is handled, and one before it is answered."""

    @app.middleware("http")
    async def around(request: Request, call_next: RequestResponseEndpoint) -> Response:
        verb = request.url.path.rpartition("/")[2]
        if verb in ("commit", "decide"):
            await run_in_threadpool(points.reach, f"before-{verb}")
        response = await call_next(request)
        if verb in ("commit", "decide"):
            await run_in_threadpool(points.reach, f"after-{verb}")
        return response

    return app


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    points = Points(settings.data / "crash")
    sidecar = CrashingSidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    sidecar.points = points
    governance = governed(settings, load(settings.pack, settings.canaries))
    app = build(settings, governance, opened(settings, points), sidecar)
    serve(with_points(app, points), settings)


if __name__ == "__main__":
    main()
