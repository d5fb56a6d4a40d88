"""Where secrets, tokens and account numbers of a run may not be: logs, audit, Redis, databases."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from quartet.runtime.layout import HOST, REDIS_PORT, DataFolder
from quartet.runtime.redis import SIDECAR
from quartet.runtime.shape import shape_of
from quartet.trust.sensitive import find
from tests.suite.client import PACK, Client
from tests.suite.invoices import clean_invoice, outcome, sample
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
APP_IDS = tuple(app.app_id for app in shape_of(PACK).apps)


@pytest.fixture(scope="module")
def paid(running: Running) -> str:
    """Pay an invoice and hold another; return the account that is paid."""
    client = running.client
    changed = sample("changed-account")
    paying = client.settled(client.pay(clean_invoice()))
    held = client.settled(client.pay(changed.content, changed.file))

    assert (outcome(paying), outcome(held)) == ("scheduled", "held")
    return str(sample("clean-ubl").pays_to)


def secrets_of(data: DataFolder) -> dict[str, str]:
    """Every secret of a data folder, by the file that holds it."""
    named = [path for app in APP_IDS for path in (data.api_token(app), data.app_token(app))]
    named += [*data.redis.glob("*-password"), *(data.root / "apps").glob("*/signing-seed")]
    found = {str(path): path.read_text().strip() for path in named if path.is_file()}
    for path in (data.client_key, data.issuer_key):
        if path.is_file():
            found[str(path)] = str(json.loads(path.read_text())["d"])
    return found


def written(folder: Path, *patterns: str) -> Iterator[tuple[Path, bytes]]:
    """Every file of these patterns below a folder, with its bytes."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.is_file():
                yield path, path.read_bytes()


def histories(data: DataFolder) -> Iterator[tuple[str, bytes]]:
    """Every entry of every workflow's history in Redis: inputs, results, events."""
    client = redis.Redis(
        host=HOST,
        port=REDIS_PORT,
        username=SIDECAR,
        password=data.redis_password(SIDECAR).read_text().strip(),
    )
    for key in client.scan_iter(match="*", count=1000):
        if b"workflow" in key and client.type(key) == b"hash":
            for part in client.hgetall(key).values():
                yield str(key), part if isinstance(part, bytes) else part.encode()
    client.close()


def test_no_secret_of_the_suite_is_in_a_log_a_database_or_in_redis(
    running: Running, paid: str
) -> None:
    secrets, data = secrets_of(running.data), running.data
    assert paid
    assert len(secrets) > 2 * len(APP_IDS)

    patterns = ("logs/**/*", "*/*.db", "*/*.db-wal", "redis/appendonlydir/*", "redis/*.aof")
    looked_at = dict(written(data.root, *patterns))
    leaks = [
        f"{Path(secret_file).name} in {path.relative_to(data.root)}"
        for path, content in looked_at.items()
        for secret_file, secret in secrets.items()
        if secret.encode() in content
    ]

    assert {path.suffix for path in looked_at} >= {".db", ".aof", ".log"}
    assert leaks == []


def test_no_bearer_token_or_key_is_in_a_log_or_in_an_audit_record(
    running: Running, client: Client, paid: str
) -> None:
    assert paid
    logs = b"\n".join(content for _, content in written(running.data.root, "logs/**/*"))
    told = f"{logs.decode(errors='replace')}\n{json.dumps(client.records())}"

    kinds = {one.kind for one in find(told)}

    assert kinds & {"token", "private-key", "api-key", "account-number"} == set()


def test_no_account_number_is_in_the_history_of_a_workflow(running: Running, paid: str) -> None:
    parts = list(histories(running.data))

    assert len(parts) > 50
    assert [key for key, part in parts if paid.encode() in part] == []
