"""The models service: one verb, chat completions; providers and checks live beside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from quartet.contracts.chat import ChatAnswer, ChatRequest
from quartet.contracts.token import TokenWanted
from quartet.packs.load import Pack, load
from quartet.resilience.failures import Failing
from quartet.service.settings import Settings, from_environment
from quartet.service.tokens import TxnToken, check_step, held
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar
from quartet.sidecar.ports import Invoker
from quartet.trust.keys import Keyring
from services.models.config import read
from services.models.door import Door
from services.models.provider import Secrets
from services.models.providers import assemble


def build(settings: Settings, pack: Pack, toolbox: Invoker, secrets: Secrets) -> FastAPI:
    """Return the app; raises Failing for a models file or a playbook that is not right."""
    routes = read(settings.models)
    providers = assemble(routes, settings.models.parent, pack, secrets)
    keyring = Keyring(settings.service_keys)
    own = frozenset((settings.app_token, settings.api_token)) - {""}
    door = Door(routes, providers.by_name, toolbox, pack.manifest, own)

    @contextmanager
    def running() -> Iterator[None]:
        try:
            yield
        finally:
            providers.close()

    app = build_app(settings, pack.manifest, running)

    @app.post("/callers/{caller}/v1/chat/completions", response_model_exclude_none=True)
    def complete(caller: str, request: ChatRequest, txn_token: TxnToken = "") -> ChatAnswer:
        purpose = request.purpose
        step = TokenWanted(task=purpose.task, subtask=purpose.subtask, attempt=purpose.attempt)
        check_step(held(txn_token, keyring, caller), step, skill=purpose.skill)
        return door.complete(caller, request, txn_token)

    return app


def main() -> None:
    """Serve; exits with one line when the configuration is not right."""
    settings = from_environment()
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    try:
        app = build(settings, load(settings.pack, settings.canaries), sidecar, sidecar)
    except Failing as error:
        sys.exit(str(error))
    serve(app, settings)


if __name__ == "__main__":
    main()
