"""The Dapr Configuration of each app-id: mTLS, and who may call which path; as plain data."""

from typing import Any

from quartet.contracts.matrix import VERBS, Verb, resolve
from quartet.runtime.components import NOTICE_SECRETS, SECRETS, SIGNING_SEED
from quartet.runtime.layout import CONSOLE, MODELS, App
from quartet.runtime.place import LOCAL, Place
from quartet.runtime.shape import Shape
from quartet.runtime.topics import publishing_rights

Document = dict[str, Any]
HISTORY_SIGNING = "WorkflowHistorySigning"
OWN_SECRETS = (SIGNING_SEED,)
"""What each service may read, out of its own sidecar's environment: nobody else's is there."""


def configuration(app: App, shape: Shape, place: Place = LOCAL) -> Document:
    """Return the Configuration of one sidecar."""
    verbs = resolve(VERBS, shape.specialists, shape.readers)
    spec: Document = {
        "mtls": {"enabled": True},
        "tracing": {"samplingRate": "0"},
        "metrics": {"enabled": False},
        "features": _features(app, shape),
        "accessControl": {
            "defaultAction": "deny",
            "trustDomain": place.trust_domain,
            "policies": policies(app.app_id, verbs, place),
        },
        "secrets": {"scopes": [_secrets(app, shape)]},
        "api": {"allowed": _allowed(_apis(app, shape, verbs))},
    }
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Configuration",
        "metadata": {"name": app.app_id},
        "spec": spec,
    }


def _features(app: App, shape: Shape) -> list[Document]:
    """Return Dapr's switches: no policy changes under a running sidecar; histories are signed."""
    switches = {"HotReload": False}
    if app.app_id in shape.workflow_apps:
        switches[HISTORY_SIGNING] = True
    return [{"name": name, "enabled": enabled} for name, enabled in switches.items()]


def readable_secrets(app: App, shape: Shape) -> tuple[str, ...]:
    """Return the names of the secrets that an app may read; models and console have more."""
    if not app.has_app:
        return ()
    more = {MODELS: shape.provider_keys, CONSOLE: NOTICE_SECRETS}
    return (*OWN_SECRETS, *more.get(app.app_id, ()))


def _secrets(app: App, shape: Shape) -> Document:
    scope: Document = {"storeName": SECRETS, "defaultAccess": "deny"}
    if readable := readable_secrets(app, shape):
        scope["allowedSecrets"] = list(readable)
    return scope


def _apis(app: App, shape: Shape, verbs: tuple[Verb, ...]) -> list[str]:
    """Return the parts of the sidecar's API that the app uses; workflows have one of their own."""
    used = {
        "invoke": any(app.app_id in verb.callers for verb in verbs),
        "publish": app.app_id in publishing_rights(),
        "state": app.app_id in ("critic", *shape.specialists),
        "secrets": bool(readable_secrets(app, shape)),
        "jobs": app.app_id == "toolbox",
    }
    return [*(name for name, uses in used.items() if uses), "metadata", "healthz"]


def _allowed(names: list[str]) -> list[Document]:
    """Return the rules that leave only these; of the gRPC API, services use none of them.

    An unknown version or name would be no rule, and no rule at all allows everything.
    """
    grpc = [name for name in names if name in ("publish", "metadata")]
    return [
        {"name": name, "version": "v1", "protocol": protocol}
        for protocol, rules in (("http", names), ("grpc", grpc))
        for name in rules
    ]


def policies(callee: str, verbs: tuple[Verb, ...], place: Place = LOCAL) -> list[Document]:
    """Return one policy per caller, for the paths that carry its own app-id."""
    own = [verb for verb in verbs if verb.callee == callee]
    callers = sorted({caller for verb in own for caller in verb.callers})
    return [
        {
            "appId": caller,
            "defaultAction": "deny",
            "trustDomain": place.trust_domain,
            "namespace": place.namespace,
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
