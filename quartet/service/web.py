"""The FastAPI app of a service: who may call, how errors are told, health; no routes."""

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from fnmatch import fnmatchcase
from http import HTTPStatus

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from quartet.contracts.failure import Problem
from quartet.contracts.matrix import VERBS, Verb, resolve
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Failing
from quartet.service.log import start_logging
from quartet.service.people import sign_in_of
from quartet.service.settings import Settings
from quartet.sidecar.calling import served


def build_app(
    settings: Settings,
    manifest: Manifest,
    running: Callable[[], AbstractContextManager[object]],
    open_paths: tuple[str, ...] = (),
) -> FastAPI:
    """Return the app of one service; ``running`` is entered while it serves.

    Every path but ``/healthz`` and ``open_paths`` (prefixes) wants the app token of the sidecar;
    ``/callers/<caller>/...`` is held against the caller x verb matrix besides.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with running():
            yield

    app = FastAPI(
        title=f"quartet {settings.app_id}",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    verbs = verbs_of(settings.app_id, manifest)
    app.state.sign_in = sign_in_of(settings)

    app.add_middleware(Door, token=settings.app_token, verbs=verbs, open_paths=open_paths)

    @app.exception_handler(Failing)
    async def on_failing(_: Request, error: Failing) -> Response:
        return problem(error.problem())

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> Response:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        says = f"The message does not fit its contract: {faults[:1500]}. Correct it and send again."
        return problem(
            Problem(
                title="MessageRefused",
                status=422,
                detail=says,
                cause="data",
                advice="retry-changed",
            )
        )

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        says = f"{error.detail}. Look at the method and the path."
        title = HTTPStatus(error.status_code).phrase.title().replace(" ", "")
        return problem(
            Problem(
                title=title, status=error.status_code, detail=says, cause="data", advice="abandon"
            )
        )

    @app.exception_handler(Exception)
    async def on_fault(_: Request, __: Exception) -> Response:
        says = f"{settings.app_id} has a fault; its log says which. Try again later."
        return problem(
            Problem(
                title="InternalFault", status=500, detail=says, cause="tool", advice="retry-later"
            )
        )

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "app_id": settings.app_id}

    return app


class Door:
    """ASGI middleware: who has no app token, or no such verb, does not come in."""

    def __init__(
        self, app: ASGIApp, token: str, verbs: tuple[Verb, ...], open_paths: tuple[str, ...]
    ) -> None:
        """Take the app behind the door and what it checks."""
        self._app, self._token, self._verbs = app, token.encode(), verbs
        self._open = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem."""
        refused = None
        if scope["type"] == "http":
            served(scope["path"], scope["headers"])
            refused = self._refused(scope)
        await (self._app if refused is None else problem(refused))(scope, receive, send)

    def _refused(self, scope: Scope) -> Problem | None:
        path: str = scope["path"]
        if path == "/healthz" or path.startswith(self._open):
            return None
        token = dict(scope["headers"]).get(b"dapr-api-token", b"")
        if not self._token or not hmac.compare_digest(token, self._token):
            return _refusal(401, "Only this app's own sidecar may call this port.")
        if path.startswith("/callers/") and not allowed(self._verbs, scope["method"], path):
            return _refusal(403, "The matrix gives this caller no such verb.")
        return None


def verbs_of(app_id: str, manifest: Manifest) -> tuple[Verb, ...]:
    """Return the verbs that this app serves, with the pack's specialists as callers."""
    specialists = tuple(s.app_id for s in manifest.specialists)
    readers = tuple(s.app_id for s in manifest.specialists if s.reads_documents)
    return tuple(v for v in resolve(VERBS, specialists, readers) if v.callee == app_id)


def allowed(verbs: tuple[Verb, ...], method: str, path: str) -> bool:
    """Return whether some verb lets the caller named in the path use this method and path."""
    return any(
        v.method == method
        and path.count("/") == v.path.count("/") + 3
        and fnmatchcase(path, f"/callers/{caller}/{v.path.replace('*', '?*')}")
        for v in verbs
        for caller in v.callers
    )


def problem(p: Problem) -> JSONResponse:
    """Return a problem document as a response."""
    headers = {"retry-after": f"{p.after_s:.0f}"} if p.after_s else None
    return JSONResponse(
        p.model_dump(mode="json", exclude_none=True),
        p.status,
        headers=headers,
        media_type="application/problem+json",
    )


def _refusal(status: int, detail: str) -> Problem:
    title = {401: "NotSignedIn", 403: "AccessDenied"}[status]
    return Problem(title=title, status=status, detail=detail, cause="policy", advice="abandon")


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGTERM, on loopback if nothing else is set; requests get ten seconds to end."""
    start_logging(known=frozenset((settings.app_token, settings.api_token)) - {""})
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.app_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
    )
