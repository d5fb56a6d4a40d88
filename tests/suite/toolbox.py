"""The toolbox with crash points before, in and after a commit; run by test suites in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from starlette.middleware.base import RequestResponseEndpoint

from quartet.packs.load import load
from quartet.service.database import connect
from quartet.service.settings import Settings, from_environment
from quartet.service.web import serve
from quartet.sidecar.client import Sidecar
from services.toolbox.app import build
from services.toolbox.ledger import Entry, Ledger, open_ledger
from tests.suite.crashing import Points


class CrashingLedger(Ledger):
    """A ledger with a point in each transaction that carries out an effect, before its commit."""

    def __init__(self, engine: Engine, files: Path, points: Points) -> None:
        """Take what a ledger takes, and the points."""
        super().__init__(engine, files)
        self._points = points

    @contextmanager
    def write(self) -> Iterator[Entry]:
        """Open a transaction; see the ledger."""
        with super().write() as entry:
            yield entry
            if any(row.kind.startswith("effect-") for row in entry.records):
                self._points.reach("in-commit")


def opened(settings: Settings, points: Points) -> Ledger:
    """Return the ledger of the settings, migrated as the product does it, with its point."""
    files = settings.data / "toolbox" / "payments"
    files.mkdir(parents=True, exist_ok=True)
    url = settings.database("ledger")
    open_ledger(url, files, load(settings.pack)).close()
    return CrashingLedger(connect(url), files, points)


def with_points(app: FastAPI, points: Points) -> FastAPI:
    """Put a point before a commit is handled, and one before its answer is given."""

    @app.middleware("http")
    async def around(request: Request, call_next: RequestResponseEndpoint) -> Response:
        commits = request.url.path.endswith("/commit")
        if commits:
            await run_in_threadpool(points.reach, "before-commit")
        response = await call_next(request)
        if commits:
            await run_in_threadpool(points.reach, "after-commit")
        return response

    return app


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    points = Points(settings.data / "crash")
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    app = build(settings, load(settings.pack), opened(settings, points), sidecar)
    serve(with_points(app, points), settings)


if __name__ == "__main__":
    main()
