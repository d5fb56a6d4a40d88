"""Certificates that last a minute, on the real runtime: renewed under load, and nobody notices."""

from datetime import datetime

import pytest

from quartet.runtime.certificates import shown
from quartet.runtime.layout import DataFolder
from quartet.runtime.sentry import LIFE
from tests.suite.here import SHAPE, eventually
from tests.suite.invoices import clean_invoice
from tests.suite.running import reachable_folder, running_product

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(280)]


def ends(data: DataFolder) -> dict[str, datetime]:
    """Return until when the certificate holds that each sidecar shows at present."""
    return {app.app_id: shown(app.internal_port, data.trust_anchors).ends for app in SHAPE.apps}


def test_every_certificate_is_renewed_three_times_under_load_without_a_failed_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(LIFE, "1")
    with reachable_folder("rotation") as folder, running_product(folder) as product:
        seen: dict[str, set[datetime]] = {app.app_id: set() for app in SHAPE.apps}
        tasks: list[str] = []

        def renewed() -> bool:
            tasks.extend(product.client.pay(clean_invoice()) for _ in range(3))
            product.client.settled(tasks[-1])
            for app_id, end in ends(product.data).items():
                seen[app_id].add(end)
            return min(len(times) for times in seen.values()) > 3

        eventually(renewed, within_s=150)

        views = [product.client.settled(task) for task in tasks]
        assert len(views) > 20
        assert [view.failure for view in views if view.failure] == []
        assert {view.state for view in views} == {"completed"}
        assert product.ledger_problems() == ()
