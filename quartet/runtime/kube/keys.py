"""Makes a release's secrets once and publishes its public keys: `python -m` this `ensure|remove`.

Nothing that is there is ever made anew: a Secret of the right name counts, whoever made it. What is
to be made, says QUARTET_KEYS, written by the chart.
"""

import base64
import os
import sys
import tempfile
import time
from pathlib import Path

from pydantic import ValidationError

from quartet.runtime.errors import SetupError
from quartet.runtime.kube.api import Api, Document
from quartet.runtime.kube.plan import Kept, Plan, public_files
from quartet.runtime.layout import DataFolder
from quartet.runtime.secret_files import write_secret
from quartet.runtime.service_keys import publish_keys, rotate

ROTATE = "quartet.dev/rotate"
"""An annotation on a signing Secret: `now` for a new seed, `leaked` to revoke the old one too."""

MANAGED_BY, MAKER = "app.kubernetes.io/managed-by", "quartet-keys"


class Keys:
    """The secrets of one release, seen through a data folder that is thrown away."""

    def __init__(self, plan: Plan, api: Api, data: DataFolder) -> None:
        """Take what is to be there, the API server, and an empty folder."""
        self._plan, self._api, self._data = plan, api, data
        self._found: dict[str, Document] = {}

    def ensure(self, now: float) -> list[str]:
        """Make what is missing, rotate what is marked, publish; return one line for each.

        Raises:
            SetupError: a Secret is there without what it should hold, or somebody else made or
                changed one meanwhile.

        """
        trust = self._read()
        self._plan.make(self._data)
        publish_keys(self._data, now)
        done = [*self._rotate(now), *self._create()]
        return [*done, *self._publish(trust)]

    def remove(self) -> list[str]:
        """Remove all that was made here; what somebody else made stays."""
        named = [f"{self._path('secrets')}/{k.name}" for k in self._plan.secrets(self._data)]
        found = [path for path in named if _is_ours(self._api.get(path))]
        for path in found:
            self._api.delete(path)
        self._api.delete(f"{self._path('configmaps')}/{self._plan.trust}")
        return [f"removed {len(found)} Secrets and the ConfigMap {self._plan.trust}"]

    def _read(self) -> Document | None:
        for kept in self._plan.secrets(self._data):
            found = self._api.get(f"{self._path('secrets')}/{kept.name}")
            if found is not None:
                self._found[kept.name] = found
                _write_out(kept, found)
        trust = self._api.get(f"{self._path('configmaps')}/{self._plan.trust}")
        for name, text in ((trust or {}).get("data") or {}).items():
            path = self._data.people if name == self._data.people.name else self._data.trust / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        return trust

    def _rotate(self, now: float) -> list[str]:
        done = []
        for app_id in self._plan.apps:
            name = self._plan.signing(app_id)
            found = self._found.get(name)
            how = (found or {}).get("metadata", {}).get("annotations", {}).get(ROTATE)
            if found is None or how is None:
                continue
            if how not in ("now", "leaked"):
                raise SetupError(f"Secret {name}: {ROTATE} is {how!r}; say now or leaked.")
            rotate(self._data, app_id, now, leaked=how == "leaked")
            del found["metadata"]["annotations"][ROTATE]
            found["data"]["seed"] = _encoded(self._data.signing_seed(app_id))
            self._api.replace(f"{self._path('secrets')}/{name}", found)
            done.append(f"{app_id}: new seed; restart quartet's Deployment of it")
        return done

    def _create(self) -> list[str]:
        made = []
        for kept in self._plan.secrets(self._data):
            if kept.name in self._found:
                continue
            body = self._object("Secret", kept.name) | {
                "type": "Opaque",
                "data": {key: _encoded(path) for key, path in kept.files.items()},
            }
            if not self._api.create(self._path("secrets"), body):
                raise SetupError(f"Secret {kept.name} was made by somebody meanwhile: run again.")
            made.append(kept.name)
        return [f"made {len(made)} Secrets: {', '.join(made)}"] if made else []

    def _publish(self, trust: Document | None) -> list[str]:
        """Publish our files beside what others put there (the keys of senders of webhooks)."""
        texts = dict((trust or {}).get("data") or {})
        texts |= {p.name: p.read_text(encoding="utf-8") for p in public_files(self._data)}
        if trust is None:
            body = self._object("ConfigMap", self._plan.trust) | {"data": texts}
            if not self._api.create(self._path("configmaps"), body):
                raise SetupError(f"ConfigMap {self._plan.trust} was made meanwhile: run again.")
        elif trust.get("data") != texts:
            path = f"{self._path('configmaps')}/{self._plan.trust}"
            self._api.replace(path, trust | {"data": texts})
        else:
            return ["the public keys are up to date"]
        return [f"published {sum(map(len, texts.values()))} bytes in ConfigMap {self._plan.trust}"]

    def _path(self, plural: str) -> str:
        return f"/api/v1/namespaces/{self._plan.namespace}/{plural}"

    def _object(self, kind: str, name: str) -> Document:
        labels = {
            "app.kubernetes.io/name": "quartet",
            "app.kubernetes.io/instance": self._plan.instance,
            MANAGED_BY: MAKER,
        }
        metadata = {"name": name, "namespace": self._plan.namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def main() -> None:
    """Do the verb in argv; exits with one line when it cannot."""
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in ("ensure", "remove"):
        sys.exit("Say what to do with the keys: ensure or remove.")
    try:
        plan = Plan.model_validate_json(os.environ.get("QUARTET_KEYS", ""))
        with tempfile.TemporaryDirectory() as folder:
            keys = Keys(plan, Api.of_this_pod(), DataFolder(Path(folder)))
            done = keys.ensure(time.time()) if verb == "ensure" else keys.remove()
    except (SetupError, ValidationError) as error:
        sys.exit(str(error))
    for line in done:
        print(line)  # noqa: T201 - the pod's log


def _write_out(kept: Kept, found: Document) -> None:
    """Put a Secret's values into their files; raises SetupError naming the key that is missing."""
    for key, path in kept.files.items():
        value = (found.get("data") or {}).get(key)
        if value is None:
            raise SetupError(
                f"Secret {kept.name} has no {key!r}. Add it, or delete the Secret to have it made."
            )
        write_secret(path, base64.b64decode(value).decode())


def _is_ours(found: Document | None) -> bool:
    labels = (found or {}).get("metadata", {}).get("labels") or {}
    return bool(labels.get(MANAGED_BY) == MAKER)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


if __name__ == "__main__":
    main()
