"""What was found: one row for each service and check; pure judgements of what was seen."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from quartet.runtime.access import HISTORY_SIGNING
from quartet.runtime.attestation import identity
from quartet.runtime.certificates import Certificate
from quartet.runtime.components import components
from quartet.runtime.layout import HOST, App, guarded, workflow_policy
from quartet.runtime.shape import Shape

State = Literal["protected", "open", "unknown"]
RESTART = "`make stop`, then `make run`"
GENERATE = f"`quartet generate`, then {RESTART}"


@dataclass(frozen=True)
class Finding:
    """One check of one service; ``unknown`` is as bad as ``open``: nothing protects by hearsay."""

    service: str
    check: str
    state: State
    seen: str
    todo: str = ""


def found(service: str, check: str, seen: str, todo: str, *, holds: bool) -> Finding:
    """Return the finding of a check that holds or does not; what to do shows where it does not."""
    return Finding(service, check, "protected" if holds else "open", seen, "" if holds else todo)


def unknown(service: str, check: str, why: str) -> Finding:
    """Return the finding of a check that could not be made."""
    return Finding(service, check, "unknown", why, f"see logs/ in the data folder; {RESTART}")


def certificate(app: App, shown: Certificate, now: datetime, longest_min: int) -> Finding:
    """Judge the certificate in use: whose, and how long it still holds."""
    left = (shown.ends - now).total_seconds() / 60
    named = shown.identities == (identity(app.app_id),)
    return found(
        app.app_id,
        "mTLS",
        f"{', '.join(shown.identities)}, {left:.0f} min left",
        f"a certificate of its own, for at most {longest_min} minutes: {RESTART}",
        holds=named and 0 < left <= longest_min,
    )


def metadata(app: App, shape: Shape, told: Mapping[str, Any]) -> list[Finding]:
    """Judge what a sidecar says it has loaded."""
    features = set(told.get("enabledFeatures") or ())
    loaded = {one["name"] for one in told.get("workflowAccessPolicies") or ()}
    have = {one["name"] for one in told.get("components") or ()}
    findings = [_components(app, shape, have)]
    if guarded(app.app_id):
        findings.append(
            found(
                app.app_id,
                "workflow policy",
                f"loaded: {', '.join(sorted(loaded)) or 'none'}",
                GENERATE,
                holds=loaded == {workflow_policy(app.app_id)} and "HotReload" not in features,
            )
        )
    if app.app_id in shape.workflow_apps:
        signing = HISTORY_SIGNING in features
        seen = "on" if signing else "off"
        findings.append(found(app.app_id, "history signing", seen, GENERATE, holds=signing))
    return findings


def _components(app: App, shape: Shape, have: set[str]) -> Finding:
    meant = {
        document["metadata"]["name"]
        for document in components(shape).values()
        if document["kind"] == "Component" and app.app_id in document.get("scopes", [app.app_id])
    }
    seen = f"has {', '.join(sorted(have)) or 'none'}"
    return found(app.app_id, "component scopes", seen, GENERATE, holds=have == meant)


def loopback(app: App, listening: Iterable[tuple[str, int]]) -> Finding:
    """Judge where an app and its sidecar listen."""
    mine = {port: name for name, port in app.ports.items() if "metrics" not in name}
    heard = [(address, port) for address, port in listening if port in mine]
    outside = sorted(f"{address}:{port}" for address, port in heard if address != HOST)
    silent = sorted(mine[port] for port in mine.keys() - {port for _, port in heard})
    seen = f"outside loopback: {', '.join(outside)}" if outside else "loopback only"
    if silent:
        seen = f"nobody listens: {', '.join(silent)}"
    todo = f"have it listen on {HOST} only: {RESTART}"
    return found(app.app_id, "ports", seen, todo, holds=not outside and not silent)


def refused(app: App, check: str, answers: Mapping[str, int], meant: Collection[int]) -> Finding:
    """Judge how a door answered those who have no right to come in, by what they tried."""
    let_in = {tried: status for tried, status in answers.items() if status not in meant}
    told = let_in or answers
    seen = ", ".join(f"{tried}: {status}" for tried, status in told.items())
    return found(app.app_id, check, seen, f"its token is missing: {RESTART}", holds=not let_in)


def denied(app: App, caller: str, status: int, body: str) -> Finding:
    """Judge how the callee's sidecar answered a path that nobody may call."""
    by_the_list = status == 403 and "access control policy" in body
    seen = f"{caller} called a path of nobody's: {status}"
    if not by_the_list:
        seen += " (not from the access control)"
    return found(app.app_id, "access control", seen, GENERATE, holds=by_the_list)


def policy_mode(app: App, mode: str) -> Finding:
    """Judge in which mode the policy is applied; in log-only a pack's limits hold nothing."""
    todo = f"take QUARTET_POLICY_MODE away: {RESTART}"
    return found(app.app_id, "policy mode", mode, todo, holds=mode == "enforce")


def own_user(app: App, uid: int | None, others: Collection[int], why_not: str) -> Finding:
    """Judge under which user a service runs."""
    alone = uid is not None and uid != 0 and uid not in others
    seen = f"user {uid}" + (f", not isolated: {why_not}" if why_not else "")
    todo = "start it as root, where others may read code and Python (docs/decisions/0012)"
    return found(app.app_id, "own user", seen, todo, holds=alone and not why_not)
