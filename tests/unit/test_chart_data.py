"""The data of the Helm chart: made from the same functions as components/ and config/."""

import socket
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from quartet.runtime import chart, layout
from quartet.runtime.access import configuration
from quartet.runtime.components import components
from quartet.runtime.manifests import chart_out_of_date
from quartet.runtime.place import LOCAL
from quartet.runtime.shape import Shape, shape_of
from quartet.runtime.swaps import on_kafka, on_postgres
from quartet.service import probe, settings

PACKS = ("payables", "refunds")


def data(words: dict[str, str]) -> dict[str, dict[str, Any]]:
    text = chart.chart_file()
    for word, said in words.items():
        text = text.replace(word, said)
    packs: dict[str, dict[str, Any]] = yaml.safe_load(text)["packs"]
    return packs


def with_every_canary(pack: str) -> Shape:
    return shape_of(pack, shape_of(pack, ()).specialists)


def test_the_file_in_the_repository_is_up_to_date() -> None:
    assert chart_out_of_date() == []


@pytest.mark.parametrize("pack", PACKS)
def test_with_the_words_of_this_machine_it_is_what_the_local_suite_has(pack: str) -> None:
    shape = with_every_canary(pack)
    local = data(
        {
            "@namespace@": LOCAL.namespace,
            "@trust-domain@": LOCAL.trust_domain,
            "@redis@": LOCAL.redis,
            "@redis-user@": LOCAL.redis_user,
        }
    )[pack]

    assert local["resources"] == list(components(shape).values())
    specs = {app.app_id: dict(configuration(app, shape)["spec"]) for app in shape.apps}
    del specs[layout.CLIENT]
    for spec in specs.values():
        del spec["mtls"]  # the control plane's to switch on
    assert local["configurations"] == specs


@pytest.mark.parametrize("pack", PACKS)
def test_each_app_has_a_service_and_the_database_that_its_service_owns(pack: str) -> None:
    apps = data({})[pack]["apps"]
    assert isinstance(apps, dict)

    assert set(apps) == {app.app_id for app in with_every_canary(pack).apps} - {layout.CLIENT}
    for app_id, app in apps.items():
        assert (layout.repository() / "services" / app["service"] / "app.py").is_file(), app_id
    owned = {app["database"]: app["service"] for app in apps.values() if "database" in app}
    assert owned == settings.DATABASES


@pytest.mark.parametrize("pack", PACKS)
def test_what_takes_the_place_of_redis_has_its_name_scopes_and_rights(pack: str) -> None:
    suite = data({})[pack]
    here = {
        one["metadata"]["name"]: one for one in suite["resources"] if one["kind"] == "Component"
    }
    others = [*suite["swaps"]["state"]["postgres"], *suite["swaps"]["broker"]["kafka"]]
    topics = ("allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes")
    same = ("actorStateStore", "keyPrefix", *topics)

    assert {one["metadata"]["name"] for one in others} == here.keys() - {"secretstore"}
    for one in others:
        redis = here[one["metadata"]["name"]]
        assert one["scopes"] == redis["scopes"]
        assert named(one, same) == named(redis, same)
        assert "redis" not in str(one)


def named(component: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    listed = component["spec"]["metadata"]
    return {one["name"]: one["value"] for one in listed if one["name"] in names}


def test_a_swap_takes_a_component_of_its_kind_alone() -> None:
    store = components(shape_of("payables"))["statestore.yaml"]

    with pytest.raises(ValueError, match=r"statestore is state\.redis, not pubsub\.redis"):
        on_kafka(store)
    with pytest.raises(ValueError, match=r"pubsub is pubsub\.redis, not state\.redis"):
        on_postgres(components(shape_of("payables"))["pubsub.yaml"])


def test_services_and_runtime_name_this_machine_alike() -> None:
    domain, namespace = layout.SIDECAR_TRUST_DOMAIN, layout.NAMESPACE

    assert f"spiffe://{domain}/ns/{namespace}" == settings.LOCAL_SUITE
    assert settings.HOST == layout.HOST


@pytest.mark.parametrize(("answer", "well"), [(b"200 OK", True), (b"503 Busy", False)])
def test_the_probe_asks_the_app_on_loopback(answer: bytes, *, well: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            heard, _ = server.accept()
            with heard:
                heard.recv(100)
                heard.sendall(b"HTTP/1.0 " + answer + b"\r\n\r\n")

        thread = Thread(target=serve)
        thread.start()
        assert probe.well(server.getsockname()[1]) is well
        thread.join()


def test_the_probe_needs_no_site_packages() -> None:
    text = Path(probe.__file__).read_text(encoding="utf-8")

    assert {line for line in text.splitlines() if line.startswith(("import", "from"))} == {
        "import socket",
        "import sys",
    }
