"""All checks of `quartet doctor`, on the suite that runs on a data folder."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import httpx
import psutil
import redis

from quartet.contracts.matrix import VERBS, resolve
from quartet.runtime import control, identities, suite
from quartet.runtime.attestation import identity
from quartet.runtime.certificates import (
    INSECURE,
    JWKS,
    UNNAMED,
    Asked,
    NoAnswer,
    asked_of_sentry,
    shown,
)
from quartet.runtime.doctor import findings, looking
from quartet.runtime.doctor.findings import RESTART, Finding, found, unknown
from quartet.runtime.layout import HOST, REDIS_PORT, App, DataFolder
from quartet.runtime.redis import OPERATOR, connect
from quartet.runtime.sentry import certificate_life
from quartet.runtime.shape import Shape

Check = Callable[[], list[Finding]]
SUITE = "suite"


def examine(data: DataFolder, shape: Shape) -> list[Finding]:
    """Look at everything and return a row for each check of each service."""
    runs = control.status(data)["up"] and suite.find(data, shape) is not None
    if not runs:
        return [Finding(SUITE, "runs", "unknown", f"no suite runs on {data.root}", "`make run`")]
    return [*_sentry(data), *_redis(data), *_services(data, shape), *_users(data, shape)]


def _tried(service: str, check: str, look: Check) -> list[Finding]:
    """Return the findings of a look, or that it could not be made."""
    try:
        return look()
    except (NoAnswer, OSError, httpx.HTTPError, redis.RedisError, psutil.Error) as error:
        return [unknown(service, check, f"{type(error).__name__}: {error}"[:200])]


def _sentry(data: DataFolder) -> list[Finding]:
    """Ask Sentry for the coordinator's certificate with and without a right to it."""
    own = data.sentry_token("coordinator")
    other = data.sentry_token("critic")
    tries = {
        "no token": Asked("coordinator", validator=JWKS),
        "no token and no validator": Asked("coordinator", validator=UNNAMED),
        "the insecure validator": Asked("coordinator", validator=INSECURE),
    }

    def look() -> list[Finding]:
        stolen = Asked("coordinator", other.read_text())
        wrong = tries | {"another app's token": stolen}
        got = [name for name, asked in wrong.items() if asked_of_sentry(asked, data.trust_anchors)]
        right = asked_of_sentry(Asked("coordinator", own.read_text()), data.trust_anchors)
        answers = right is not None and right.identities == (identity("coordinator"),)
        seen = (
            f"gave the coordinator's certificate for {', '.join(got)}"
            if got
            else (
                f"refused {', '.join(wrong)}; gave it for its own token"
                if answers
                else "refused even the right token"
            )
        )
        todo = f"Sentry has no token validator: {RESTART}"
        return [found("sentry", "token validator", seen, todo, holds=not got and answers)]

    return _tried("sentry", "token validator", look)


def _redis(data: DataFolder) -> list[Finding]:
    def look() -> list[Finding]:
        setting = connect(data, OPERATOR).config_get("appendonly").get("appendonly")
        try:
            redis.Redis(host=HOST, port=REDIS_PORT, socket_timeout=5).ping()
            stranger = "let a stranger in"
        except redis.AuthenticationError:
            stranger = "no default user"
        return [
            found("redis", "append-only", f"appendonly {setting}", RESTART, holds=setting == "yes"),
            found("redis", "users", stranger, RESTART, holds=stranger == "no default user"),
        ]

    return _tried("redis", "users", look)


def _services(data: DataFolder, shape: Shape) -> Iterator[Finding]:
    sockets = looking.listening()
    where = [(one.address, one.port) for one in sockets]
    calling = {
        caller for v in resolve(VERBS, shape.specialists, shape.readers) for caller in v.callers
    }
    with closing(looking.Visitor(data)) as visitor:
        for app in shape.apps:
            yield findings.loopback(app, where)
            caller = next(a for a in shape.apps if a.app_id in calling and a.app_id != app.app_id)
            for check, look in _looks(data, shape, app, caller, visitor).items():
                yield from _tried(app.app_id, check, look)
            if app.app_id == "toolbox":
                yield from _tried("toolbox", "policy mode", partial(_policy_mode, app, sockets))


def _looks(
    data: DataFolder, shape: Shape, app: App, caller: App, visitor: looking.Visitor
) -> dict[str, Check]:
    looks: dict[str, Check] = {
        "mTLS": lambda: [
            findings.certificate(
                app,
                shown(app.internal_port, data.trust_anchors),
                datetime.now(UTC),
                certificate_life(),
            )
        ],
        "metadata": lambda: findings.metadata(app, shape, visitor.metadata(app)),
        "sidecar door": lambda: [_sidecar_door(app, visitor)],
    }
    if app.has_app:
        looks["app door"] = lambda: [
            findings.refused(
                app,
                "app door",
                visitor.without_token(app.app_port, ("/callers/console/tasks", "/dapr/config")),
                (401,),
            )
        ]
        looks["access control"] = lambda: [
            findings.denied(app, caller.app_id, *visitor.call(caller, app))
        ]
    return looks


def _policy_mode(app: App, sockets: tuple[looking.Listening, ...]) -> list[Finding]:
    told = looking.environment_of(sockets, app.app_port)
    return [findings.policy_mode(app, told.get("QUARTET_POLICY_MODE") or "enforce")]


def _sidecar_door(app: App, visitor: looking.Visitor) -> Finding:
    """Try a sidecar without its token; the client has none, and may only publish."""
    paths = ("/v1.0/secrets/secretstore/SIGNING_SEED", "/v1.0/invoke/toolbox/method/x")
    meant = (401,) if app.has_app else (403, 404)
    return findings.refused(app, "sidecar door", visitor.without_token(app.http_port, paths), meant)


def _users(data: DataFolder, shape: Shape) -> Iterator[Finding]:
    sockets = looking.listening()
    services = [app for app in shape.apps if app.has_app]
    users = {app.app_id: looking.user_of(sockets, app.app_port) for app in services}
    why_not = identities.read(data).why_not
    for app in services:
        others = {uid for app_id, uid in users.items() if app_id != app.app_id and uid is not None}
        yield findings.own_user(app, users[app.app_id], others, why_not)
        look = partial(_secrets, data, shape, app, users)
        yield from _tried(app.app_id, "secrets", look)


def _secrets(
    data: DataFolder, shape: Shape, app: App, users: dict[str, int | None]
) -> list[Finding]:
    """Try, as the user of one service, to read what belongs to the others and to the operator."""
    uid = users[app.app_id]
    if uid is None or uid == 0 or not identities.read(data).uids:
        return [
            found(app.app_id, "secrets", f"user {uid} reads those of all", RESTART, holds=False)
        ]
    foreign = [
        path
        for other in shape.apps
        if other.app_id != app.app_id
        for path in looking.secrets_of(data, other.app_id)
    ]
    foreign += looking.operator_secrets(data)
    can = looking.readable_by(uid, foreign)
    own = looking.readable_by(uid, looking.secrets_of(data, app.app_id))
    seen = (
        f"reads {', '.join(str(path.relative_to(data.root)) for path in can[:3])}"
        if can
        else f"reads its own {len(own)}, none of {len(foreign)} others"
    )
    todo = f"close these files to others: {RESTART}"
    return [found(app.app_id, "secrets", seen, todo, holds=not can and bool(own))]
