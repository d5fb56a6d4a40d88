"""What a release consists of, held against the suite that runs without Kubernetes."""

from typing import Any

import pytest
import yaml

from quartet.runtime.layout import repository
from quartet.service import settings
from tests.chart.rendering import SCENARIOS, Document, Helm, Rendered, values_file

SAMPLES = [
    *SCENARIOS,
    pytest.param("ci --set pack=refunds", id="ci-refunds"),
]


def rendered(helm: Helm, scenario: str) -> Rendered:
    name, *more = scenario.split()
    return helm.template("-f", str(values_file(name)), *more)


def read(path: str) -> Document:
    document: Document = yaml.safe_load((repository() / path).read_text(encoding="utf-8"))
    return document


def app_ids(release: Rendered) -> dict[str, Document]:
    """Return each pod template that gets a sidecar by its app-id."""
    pods = {name: pod["metadata"].get("annotations", {}) for name, pod in release.pods().items()}
    return {
        said["dapr.io/app-id"]: release.pods()[name]
        for name, said in pods.items()
        if said.get("dapr.io/enabled") == "true"
    }


def test_app_ids_are_those_of_dapr_yaml_each_with_its_service(helm: Helm) -> None:
    local = {one["appID"]: one for one in read("dapr.yaml")["apps"] if "command" in one}

    pods = app_ids(rendered(helm, "ci"))

    assert set(pods) == set(local)
    for app_id, pod in pods.items():
        said, (app,) = pod["metadata"]["annotations"], pod["spec"]["containers"]
        assert said["dapr.io/app-port"] == str(local[app_id]["appPort"])
        assert {"name": "APP_ID", "value": app_id} in app["env"]
        folder = app["command"][3].removeprefix("services.").removesuffix(".app")
        assert (repository() / "services" / folder / "app.py").is_file()


def test_in_the_local_place_its_dapr_resources_are_the_local_suites(helm: Helm) -> None:
    host = next(
        one["value"]
        for one in read("components/statestore.yaml")["spec"]["metadata"]
        if one["name"] == "redisHost"
    )
    needed = [f"redis.host={host}", "redis.existingSecret=r"]
    needed += [f"databases.{name}.existingSecret={name}" for name in settings.DATABASES]
    release = helm.template("--set", ",".join(needed), "--namespace", "default")

    for path in sorted((repository() / "components").glob("*.yaml")):
        local = read(f"components/{path.name}")
        there = release.one(local["kind"], local["metadata"]["name"])
        for part in ("apiVersion", "spec", "scopes", "auth"):
            assert there.get(part) == local.get(part), f"{path.name}: {part}"
    configurations = release.of("Configuration")
    for name, there in configurations.items():
        local = read(f"config/{name}.yaml")["spec"]
        assert there["spec"] == {key: local[key] for key in local if key != "mtls"}
    made = sum(len(release.of(kind)) for kind in ("Component", "Resiliency"))
    made += len(release.of("WorkflowAccessPolicy"))
    assert made == len(list((repository() / "components").glob("*.yaml")))
    assert set(configurations) == {p.stem for p in (repository() / "config").glob("*")} - {"client"}


@pytest.mark.parametrize("scenario", SAMPLES)
def test_every_pod_passes_restricted_pod_security(helm: Helm, scenario: str) -> None:
    pods = rendered(helm, scenario).pods()

    assert len(pods) > 9
    for name, pod in pods.items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for one in [*spec["containers"], *spec.get("initContainers", ())]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= set(one["resources"]["requests"]), name
            assert "memory" in one["resources"]["limits"], name
        allowed = {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
        assert {key for v in spec["volumes"] for key in v if key != "name"} <= allowed, name


def secrets_asked_for(node: Any) -> set[str]:
    """Return the names of all Secrets that objects refer to."""
    if isinstance(node, list):
        return {name for one in node for name in secrets_asked_for(one)}
    if not isinstance(node, dict):
        return set()
    found = {name for one in node.values() for name in secrets_asked_for(one)}
    if "secretKeyRef" in node:
        found.add(node["secretKeyRef"]["name"])
    if isinstance(node.get("secret"), dict):
        found.add(node["secret"].get("secretName") or node["secret"]["name"])
    for pair in node.get("dapr.io/env-from-secret", "").split(","):
        found |= {pair.partition("=")[2].partition(":")[0]} - {""}
    return found | {node[f"dapr.io/{w}-token-secret"] for w in ("api", "app") if _token(node, w)}


def _token(node: Document, which: str) -> bool:
    return f"dapr.io/{which}-token-secret" in node


def named_in(values: Any) -> set[str]:
    """Return the names of Secrets in a file of values."""
    if not isinstance(values, dict):
        return set()
    here = {values[key] for key in ("existingSecret", "secretName") if values.get(key)}
    return here | {name for one in values.values() for name in named_in(one)}


@pytest.mark.parametrize("scenario", SAMPLES)
def test_each_secret_that_is_asked_for_is_made_by_the_hook_or_named_in_the_values(
    helm: Helm, scenario: str
) -> None:
    release = rendered(helm, scenario)
    rules = release.one("Role", "q-keys")["rules"]
    made = {name for rule in rules for name in rule.get("resourceNames", ())}
    named = named_in(read(f"k8s/ci/{scenario.split()[0]}-values.yaml"))
    apps = [one for one in release.documents if one["kind"] in ("Deployment", "Job", "Pod")]

    asked = secrets_asked_for(apps)

    assert len(asked) > 20
    assert asked <= made | named
    assert named <= asked
    assert release.of("Secret") == {}


def content(release: Rendered) -> dict[str, str]:
    """Return the digest that each pod waits for, by app-id."""
    pods = app_ids(release)
    return {name: pods[name]["metadata"]["annotations"]["quartet.dev/content"] for name in pods}


def test_pods_and_resources_bear_one_digest_that_changes_with_what_sidecars_read(
    helm: Helm,
) -> None:
    before = rendered(helm, "production")
    after = rendered(helm, "production --set redis.host=other:6379")

    (old,) = set(content(before).values())
    (new,) = set(content(after).values())
    resources = [one for one in before.documents if one["apiVersion"].startswith("dapr.io")]
    assert len(resources) > 20
    assert {one["metadata"]["annotations"]["quartet.dev/content"] for one in resources} == {old}
    assert new != old


def test_a_new_models_yaml_rolls_the_models_service_alone(helm: Helm) -> None:
    before = app_ids(rendered(helm, "ci --set models.config=a"))
    after = app_ids(rendered(helm, "ci --set models.config=b"))

    assert {name for name in before if before[name] != after[name]} == {"models"}
    assert before["models"]["spec"] == after["models"]["spec"]


def test_the_same_values_make_the_same_release(helm: Helm) -> None:
    values = ("-f", str(values_file("production")))
    again = Helm(helm.program, helm.home)

    assert helm.text(*values) == again.text(*values)
