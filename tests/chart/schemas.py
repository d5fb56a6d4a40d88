"""Strict JSON schemas of all kinds that the chart may make, from the sources of those kinds.

Kubernetes' own from the OpenAPI description in its Go module, the others from the CRDs in theirs;
nothing is copied into this repository, and after the first time nothing is downloaded.
"""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quartet.cluster.tools import KUBERNETES
from quartet.runtime.build import RUNTIME
from quartet.runtime.gobuild import module_folder, require_go
from quartet.runtime.layout import cache_folder

Schema = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A Go module with CRDs; its hash is Go's own of the module's content."""

    module: str
    version: str
    content: str
    crds: tuple[str, ...]

    def folder(self) -> Path:
        """Return where Go keeps it; gets it if need be."""
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [require_go(), "mod", "download", "-json", f"{self.module}@{self.version}"],
                cwd=empty,
                capture_output=True,
                text=True,
                check=False,
            )
        found = json.loads(done.stdout)
        assert "Error" not in found, found["Error"]
        assert found["Sum"] == self.content, f"{self.module} is not what it was: {found['Sum']}"
        return Path(found["Dir"])


def schemas() -> Path:
    """Return a folder with one file a kind, named as kubeconform asks for them."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for family in (KUBERNETES, RUNTIME):
        digest.update((family.sources / "go.sum").read_bytes())
    folder = cache_folder() / f"schemas-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_folder()) as partial:
            made = Path(partial) / "schemas"
            made.mkdir()
            for name, schema in _all():
                (made / f"{name.lower()}.json").write_text(json.dumps(schema))
            made.rename(folder)
    return folder


def _all() -> Iterator[tuple[str, Schema]]:
    yield from _kubernetes(module_folder(KUBERNETES, "k8s.io/kubernetes"))
    dapr = module_folder(RUNTIME, "github.com/dapr/dapr") / "charts" / "dapr" / "crds"
    yield from _custom(sorted(dapr.glob("*.yaml")))
    for source in SOURCES:
        folder = source.folder()
        yield from _custom([folder / path for path in source.crds])


def _name(group: str, version: str, kind: str) -> str:
    return "-".join(part for part in (kind, group.partition(".")[0], version) if part)


def _kubernetes(module: Path) -> Iterator[tuple[str, Schema]]:
    text = (module / "api" / "openapi-spec" / "swagger.json").read_text(encoding="utf-8")
    definitions = {name: _strict(one) for name, one in json.loads(text)["definitions"].items()}
    for name, one in definitions.items():
        kinds = one.get("x-kubernetes-group-version-kind", ())
        if len(kinds) == 1:
            (kind,) = kinds
            reached = {each: definitions[each] for each in _reached(name, definitions)}
            schema = {"$ref": f"#/definitions/{name}", "definitions": reached}
            yield _name(kind["group"], kind["version"], kind["kind"]), schema


def _custom(files: list[Path]) -> Iterator[tuple[str, Schema]]:
    for path in files:
        for crd in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            if not crd or crd["kind"] != "CustomResourceDefinition":
                continue
            group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
            for version in crd["spec"]["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                yield _name(group, version["name"], kind), schema


def _strict(schema: Any) -> Any:
    """Close every object whose properties are listed; take the two scalars of Kubernetes."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") in ("int-or-string", "quantity") or _is_quantity(schema):
        return {"type": ["string", "number"]}
    closed = {name: _strict(one) for name, one in schema.items()}
    open_ended = closed.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(closed.get("properties"), dict) and "type" in closed and not open_ended:
        closed.setdefault("additionalProperties", False)
    return closed


def _is_quantity(schema: Schema) -> bool:
    described = schema.get("description")
    return isinstance(described, str) and described.startswith("Quantity is a fixed-point")


def _reached(name: str, definitions: dict[str, Schema]) -> set[str]:
    found, todo = set(), {name}
    while todo:
        one = todo.pop()
        found.add(one)
        todo |= set(_references(definitions[one])) - found
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one)
    elif isinstance(schema, dict):
        if isinstance(named := schema.get("$ref"), str):
            yield named.removeprefix("#/definitions/")
        for one in schema.values():
            yield from _references(one)


SOURCES = (
    Source(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        tuple(
            f"config/crd/bases/keda.sh_{one}.yaml"
            for one in ("scaledobjects", "triggerauthentications")
        ),
    ),
    Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.92.0",
        "h1:tAbsod3+9sQsxDeAvLP27dAe9terToht5M+YdDwLGP0=",
        tuple(
            f"example/prometheus-operator-crd/monitoring.coreos.com_{one}.yaml"
            for one in ("podmonitors", "prometheusrules")
        ),
    ),
    Source(
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    ),
)
