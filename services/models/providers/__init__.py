"""The providers behind the door, one module each, and their making from configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quartet.packs.load import Pack
from services.models.config import ModelsFile, Obey, OpenAI, Replay
from services.models.provider import Provider, Secrets
from services.models.providers.obey import Obedient
from services.models.providers.openai import Endpoint
from services.models.providers.playbook import playbook_of
from services.models.providers.replay import Recorder, Replayer


@dataclass(frozen=True)
class Assembled:
    """The providers by name, and what ends their connections."""

    by_name: dict[str, Provider]
    close: Callable[[], None]


def assemble(file: ModelsFile, folder: Path, pack: Pack, secrets: Secrets) -> Assembled:
    """Return the providers of a models file; relative paths in it start at ``folder``."""
    endpoints: list[Endpoint] = []

    def make(name: str) -> Provider:
        entry = file.providers[name]
        if isinstance(entry, OpenAI):
            endpoint = Endpoint(name, entry, secrets)
            endpoints.append(endpoint)
            return endpoint
        if isinstance(entry, Replay):
            path = folder / entry.path
            return Replayer(path) if entry.mode == "replay" else Recorder(path, make(entry.of))
        return Obedient(make(entry.of)) if isinstance(entry, Obey) else playbook_of(pack)

    def close() -> None:
        for endpoint in endpoints:
            endpoint.close()

    return Assembled({name: make(name) for name in file.providers}, close)
