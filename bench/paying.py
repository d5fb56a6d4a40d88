"""Invoices through the console of a release: prepared, submitted at once, awaited."""

import json
import secrets
import time

import httpx
from joserfc.jwk import OKPKey

from bench.runs import ENDED_WITHIN_S, Invoices, signed_event
from quartet.contracts.base import Fields
from quartet.contracts.task import TERMINAL, Document
from quartet.runtime.errors import SetupError
from quartet.runtime.issuer import signed_in
from quartet.runtime.layout import DataFolder

LOOK_EVERY_S = 0.25


class Paying:
    """Somebody with the keys of a release, at its console."""

    def __init__(self, data: DataFolder, address: str) -> None:
        """Sign in and load the books."""
        self._key = OKPKey.import_key(json.loads(data.client_key.read_text()))
        self._batch, self._invoices = f"capacity-{secrets.token_hex(4)}", Invoices()
        self._http = httpx.Client(
            base_url=f"{address}/api", auth=signed_in(data), timeout=60, trust_env=False
        )
        self._post("/operations/load_books", json=self._invoices.books)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def prepared(self, times: int) -> list[Fields]:
        """Upload so many invoices; return a signed event for each."""
        return [self._event() for _ in range(times)]

    def pay(self, events: list[Fields]) -> None:
        """Submit all; return when all are completed. Raises SetupError when one is not."""
        for event in events:
            self._post("/tasks", json=event)
        deadline = time.monotonic() + ENDED_WITHIN_S
        while len(states := self._ended()) < len(events):
            if time.monotonic() > deadline:
                raise SetupError(f"Tasks did not end within {ENDED_WITHIN_S:g} s.")
            time.sleep(LOOK_EVERY_S)
        if bad := [state for state in states if state != "completed"]:
            raise SetupError(f"Tasks came to {bad}: nothing is measured with those.")

    def _ended(self) -> list[str]:
        """Return what each settled task is shown as."""
        params = {"batch": self._batch, "most": "2000"}
        answer = self._http.get("/tasks", params=params).raise_for_status()
        shown = [str(task["shown"]) for task in answer.json()["tasks"]]
        return [one for one in shown if one in TERMINAL or one == "waiting"]

    def _event(self) -> Fields:
        content = self._invoices.next()
        params = {"name": "capacity.xml"}
        answer = self._http.post("/documents", params=params, content=content)
        document = Document.model_validate_json(answer.raise_for_status().content)
        return signed_event(document, self._batch, "Pay this invoice", self._key)

    def _post(self, path: str, json: Fields) -> None:
        self._http.post(path, json=json).raise_for_status()
