"""Values that are wrong are refused before anything is made, with the name of what is wrong."""

import json
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, DAPR, Helm, values_file

CI = ("-f", str(values_file("ci")))


def nested(path: str, value: object) -> tuple[str, str]:
    """Return the arguments that give the value of a dotted path, with its type."""
    return ("--set-json", f"{path}={json.dumps(value)}")


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("replicas", 3, "replicas"),
        ("image.tagg", "1", "tagg"),
        ("image.tag", 1.2, "/image/tag"),
        ("image.tag", "a b", "/image/tag"),
        ("image.digest", "sha256:abc", "/image/digest"),
        ("image.pullPolicy", "Sometimes", "/image/pullPolicy"),
        ("imagePullSecrets", "regcred", "/imagePullSecrets"),
        ("fullnameOverride", "Not A Name", "/fullnameOverride"),
        ("fullnameOverride", "q.1", "/fullnameOverride"),
        ("podLabels", {"app.kubernetes.io/name": "x"}, "app.kubernetes.io/name"),
        ("tolerations", [{"keys": "x"}], "/tolerations/0"),
        ("affinity", {"podAfinity": {}}, "podAfinity"),
        ("defaults.extraEnv", [{"name": "A", "vale": "1"}], "/defaults/extraEnv/0"),
        ("keys.schedule", "often", "/keys/schedule"),
        ("console.ingress.host", "https://quartet.example.com", "/console/ingress/host"),
        ("networkPolicies.daprNamespace", "", "/networkPolicies/daprNamespace"),
        ("networkPolicies.extraEgress", [{"from": []}], "/networkPolicies/extraEgress/0"),
        ("trustDomain", "spiffe://x", "/trustDomain"),
        ("defaults.replicas", 0, "/defaults/replicas"),
        ("defaults.replicas", "2", "/defaults/replicas"),
        ("defaults.resources.limits.memory", "lots", "/defaults/resources/limits/memory"),
        ("defaults.autoscaling.by", "vpa", "/defaults/autoscaling/by"),
        ("apps.coordinator.replica", 2, "replica"),
        ("apps.coordinator.extraVolumeMounts", [{"name": "x"}], "/apps/coordinator"),
        ("canaries.specialist-finance.replica", 1, "replica"),
        ("sidecar.logLevel", "loud", "/sidecar/logLevel"),
        ("terminationGracePeriodSeconds", 5, "/terminationGracePeriodSeconds"),
        ("topologySpread.whenUnsatisfiable", "Never", "/topologySpread/whenUnsatisfiable"),
        ("state.type", "sqlite", "/state/type"),
        ("broker.type", "rabbitmq", "/broker/type"),
        ("broker.kafka.brokers", "kafka://k:9092", "/broker/kafka/brokers"),
        ("broker.kafka.saslMechanism", "MD5", "/broker/kafka/saslMechanism"),
        ("redis.host", "redis", "/redis/host"),
        ("redis.password", "secret", "password"),
        ("databases.ledger.url", "postgresql://u:p@h/d", "url"),
        ("persistence.accessMode", "ReadWriteSome", "/persistence/accessMode"),
        ("models.keys", {"OPENAI_API_KEY": "sk-1"}, "/models/keys/OPENAI_API_KEY"),
        ("models.keys", {"openai": {"secretName": "a", "key": "b"}}, "openai"),
        ("people.jwksUrl", "http://login/jwks", "/people/jwksUrl"),
        ("console.service.type", "ExternalName", "/console/service/type"),
        ("console.httpRoute.hostname", "x", "hostname"),
        ("policy.mode", "off", "/policy/mode"),
        ("networkPolicies.enabled", "yes", "/networkPolicies/enabled"),
        ("metrics.podMonitor.interval", "often", "/metrics/podMonitor/interval"),
        ("metrics", None, "missing property 'metrics'"),
        ("redis.host", None, "missing property 'host'"),
        ("metrics.serviceMonitor", {"enabled": True}, "serviceMonitor"),
    ],
)
def test_the_schema_refuses_and_names_the_key(
    helm: Helm, path: str, value: object, named: str
) -> None:
    said = helm.refusal(*CI, *nested(path, value))

    assert "values don't meet the specifications of the schema" in said
    assert named in said


NEEDED = ("tasks", "ledger", "documents", "notices")
ELSEWHERE = [
    *nested("redis", {"host": "r:6379", "existingSecret": "r"}),
    *nested("databases", {name: {"existingSecret": f"{name}-db"} for name in NEEDED}),
]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "There is no Redis: give redis.host (host:port) and redis.existingSecret"),
        (nested("redis.host", "r:6379"), "name a Secret in redis.existingSecret"),
        (
            ELSEWHERE[:2],
            'There is no database "documents": name the Secret with its URL in '
            "databases.documents.existingSecret",
        ),
        ([*ELSEWHERE, *nested("state.type", "postgres")], "in state.existingSecret"),
        ([*ELSEWHERE, *nested("broker.type", "kafka")], "give broker.kafka.brokers"),
        ([*CI, *nested("people.issuer", "https://x")], "give all of people.issuer, people.audi"),
        ([*CI, *nested("apps", {"planer": {"replicas": 2}})], "apps.planer: pack payables has no"),
        ([*CI, *nested("pack", "payable")], 'no pack "payable" in this chart; there is: payables,'),
        ([*CI, *nested("console.ingress.enabled", value=True)], "Give console.ingress.host"),
        ([*CI, *nested("console.httpRoute.enabled", value=True)], "console.httpRoute.gateway.name"),
        (
            [*CI, *nested("persistence.enabled", value=True), *nested("defaults.replicas", 2)],
            "toolbox has up to 2 replicas and one volume: give persistence.accessMode=Read",
        ),
        ([*CI, *nested("drainSeconds", 45)], "give more than the 60 of drainSeconds and"),
        ([*CI, *nested("databases.ledger.existingSecret", "mine")], "Two Postgres: devStores"),
        ([*CI, *nested("redis.existingSecret", "mine")], "Two Redis: devStores.enabled brings one"),
        (
            [*CI, *nested("apps.critic.autoscaling", {"enabled": True, "minReplicas": 9})],
            "apps.critic.autoscaling: minReplicas 9 is more than maxReplicas 5",
        ),
        (
            [*CI, *nested("podAnnotations", {"dapr.io/app-id": "mine"})],
            "podAnnotations.dapr.io/app-id: the chart sets this one itself",
        ),
        ([*CI, *nested("metrics.rules.enabled", value=True)], "give metrics.enabled=true too"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_to_do(
    helm: Helm, given: list[str], says: str
) -> None:
    assert says in helm.refusal(*given)


METRICS = nested("metrics", {"enabled": True, "podMonitor": {"enabled": True}})
KEDA = nested("defaults.autoscaling", {"enabled": True, "by": "keda"})
ROUTE = nested("console.httpRoute", {"enabled": True, "gateway": {"name": "g"}})


@pytest.mark.parametrize(
    ("given", "offered", "says"),
    [
        ([], [], "Dapr is not on this cluster: install Dapr 1.18.2 or later first"),
        ([], DAPR[:1], "too old: it has no WorkflowAccessPolicy. Upgrade it to 1.18.2 or later"),
        (METRICS, DAPR, "The Prometheus operator is not on this cluster"),
        (KEDA, DAPR, "KEDA is not on this cluster"),
        (ROUTE, DAPR, "Gateway API is not on this cluster"),
    ],
)
def test_what_the_cluster_lacks_is_said_before_anything_is_made(
    helm: Helm, given: list[str], offered: list[str], says: str
) -> None:
    assert says in helm.refusal(*CI, *given, apis=offered)


def keys_of(values: Any, at: str = "") -> set[str]:
    """Return every dotted path in the values, down to what is free-form or empty."""
    found = set()
    for name, value in values.items():
        found.add(f"{at}{name}")
        if isinstance(value, dict):
            found |= keys_of(value, f"{at}{name}.")
    return found


def known_of(schema: Any, root: Any, at: str = "") -> set[str]:
    """Return every dotted path that the schema has a name for."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    found = set()
    for name, one in schema.get("properties", {}).items():
        found |= {f"{at}{name}", *known_of(one, root, f"{at}{name}.")}
    return found


FREE = ("metrics.dashboard.labels.grafana_dashboard",)
OPTIONAL = (
    "global",  # Helm's own
    "defaults.resources.limits.cpu",
    "devStores.resources.limits.cpu",
    "sidecar.resources.limits.cpu",
    "defaults.prompts",
    *(f"affinity.{kind}Affinity" for kind in ("node", "pod")),
    "affinity.podAntiAffinity",
    *(f"defaults.image{part}" for part in ("", ".repository", ".tag", ".digest")),
    *(
        f"{where}.resources.{what}.ephemeral-storage"
        for where in ("defaults", "devStores")
        for what in ("requests", "limits")
    ),
)


def test_schema_and_values_know_the_same_keys() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert keys_of(values) - set(FREE) == known_of(schema, schema) - set(OPTIONAL)
    assert set(OPTIONAL) <= known_of(schema, schema)


def test_every_section_of_the_values_says_what_it_is_for() -> None:
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()

    def told(place: int) -> bool:
        """Tell whether a comment is above, with at most keys of the same kind in between."""
        above = [line for line in lines[:place] if not line.startswith(" ")]
        while above and above[-1] and not above[-1].startswith("#"):
            above.pop()
        return bool(above) and above[-1].startswith("#")

    keys = {place: line for place, line in enumerate(lines) if line[:1].isalpha()}
    assert len(keys) > 20
    assert [line for place, line in keys.items() if not told(place)] == []


def test_a_kubernetes_that_is_too_old_is_refused(helm: Helm) -> None:
    said = helm.refusal(*CI, "--kube-version", "1.29.9")

    assert "requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.29.9" in said


def test_every_object_of_the_schema_is_closed() -> None:
    def walk(schema: Any, at: str) -> list[str]:
        here = [at] if "properties" in schema and schema.get("additionalProperties") else []
        if "properties" in schema and "additionalProperties" not in schema:
            here = [at]
        children = [*schema.get("properties", {}).items(), *schema.get("definitions", {}).items()]
        return [*here, *(one for name, child in children for one in walk(child, f"{at}/{name}"))]

    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert walk(schema, "") == []
