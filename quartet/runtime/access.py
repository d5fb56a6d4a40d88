"""The Dapr Configuration of each app-id: mTLS, and who may call which path; as plain data."""

from typing import Any

from quartet.contracts.matrix import VERBS, Verb, resolve
from quartet.runtime.components import SECRETS, SIGNING_SEED
from quartet.runtime.layout import CLIENT, NAMESPACE, SIDECAR_TRUST_DOMAIN, App
from quartet.runtime.shape import Shape

Document = dict[str, Any]


def configuration(app: App, shape: Shape) -> Document:
    """Return the Configuration of one sidecar."""
    spec: Document = {
        "mtls": {"enabled": True},
        "tracing": {"samplingRate": "0"},
        "metrics": {"enabled": False},
        "accessControl": {
            "defaultAction": "deny",
            "trustDomain": SIDECAR_TRUST_DOMAIN,
            "policies": policies(app.app_id, resolve(VERBS, shape.specialists, shape.readers)),
        },
        "secrets": {"scopes": [_secrets(app)]},
    }
    if app.app_id == CLIENT:
        spec["api"] = {"allowed": _publishing_only()}
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Configuration",
        "metadata": {"name": app.app_id},
        "spec": spec,
    }


def _secrets(app: App) -> Document:
    """Return which secrets the app may read through its sidecar: its own seed, nothing else."""
    scope: Document = {"storeName": SECRETS, "defaultAccess": "deny"}
    return scope | {"allowedSecrets": [SIGNING_SEED]} if app.has_app else scope


def policies(callee: str, verbs: tuple[Verb, ...]) -> list[Document]:
    """Return one policy per caller, for the paths that carry its own app-id."""
    own = [verb for verb in verbs if verb.callee == callee]
    callers = sorted({caller for verb in own for caller in verb.callers})
    return [
        {
            "appId": caller,
            "defaultAction": "deny",
            "trustDomain": SIDECAR_TRUST_DOMAIN,
            "namespace": NAMESPACE,
            "operations": [
                {"name": name, "httpVerb": sorted(methods), "action": "allow"}
                for name, methods in _operations(
                    caller, [verb for verb in own if caller in verb.callers]
                ).items()
            ],
        }
        for caller in callers
    ]


def _operations(caller: str, verbs: list[Verb]) -> dict[str, set[str]]:
    """Return Dapr's operations for one caller: pattern to methods.

    Dapr stops at the first pattern that is a prefix of the path (`tasks` also decides about
    `tasks/7/cancel`), so a longer path joins the shorter one; the app's own check is the exact one.
    """
    found: dict[str, set[str]] = {}
    for verb in sorted(verbs, key=lambda verb: verb.path.count("/")):
        name = operation(caller, verb.path)
        shorter = next((known for known in found if name.startswith(f"{known}/")), name)
        found.setdefault(shorter, set()).add(verb.method)
    return found


def operation(caller: str, path: str) -> str:
    """Return Dapr's pattern for a verb's path.

    `*` is one segment. Dapr takes a `*` for that at the end only; further up it is spelled `**`.
    """
    *parents, last = path.split("/")
    middle = ("**" if segment == "*" else segment for segment in parents)
    return "/".join(("", "callers", caller, *middle, last))


def _publishing_only() -> list[Document]:
    return [
        {"name": name, "version": "v1.0", "protocol": protocol}
        for name in ("publish", "metadata", "healthz")
        for protocol in ("http", "grpc")
    ]
