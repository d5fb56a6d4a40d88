"""What an image really holds, as a CycloneDX bill: `python -m quartet.cluster.images.bom IMAGE TO`.

Read from the layers of its archive: the Debian packages and the Python distributions in them.
Nothing else imports this, because the library is a tool of development.
"""

import email
import hashlib
import json
import sys
import tarfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_DEBIAN = "var/lib/dpkg/status"
_DISTRIBUTION = ".dist-info/METADATA"
_LIBRARIES = "app/lib/"


def bill(image: Path) -> str:
    """Return the bill of an image archive as JSON; the same for the same archive.

    Raises:
        ValueError: the archive holds no packages at all.

    """
    with tarfile.open(image) as archive:
        manifest = json.loads(_member(archive, "manifest.json").read())[0]
        config = _member(archive, manifest["Config"]).read()
        files: dict[str, bytes] = {}
        for layer in manifest["Layers"]:
            files.update(_told_by(_member(archive, layer)))
    name, _, version = manifest["RepoTags"][0].rpartition(":")
    identity = hashlib.sha256(config).hexdigest()
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"sha256:{identity}"),
        components=sorted(_components(files), key=lambda one: str(one.purl)),
    )
    if not bom.components:
        raise ValueError(f"{image} holds neither Debian packages nor Python distributions.")
    bom.metadata.timestamp = datetime.fromisoformat(json.loads(config)["created"])
    bom.metadata.component = Component(
        name=name, version=version, type=ComponentType.CONTAINER, bom_ref=f"sha256:{identity}"
    )
    return str(JsonV1Dot6(bom).output_as_string(indent=2))


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise ValueError(f"{name} is no file of the archive.")
    return found


def _told_by(layer: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield what names packages in one layer, by path."""
    with tarfile.open(fileobj=layer, mode="r:*") as tar:
        for entry in tar:
            path = entry.name.removeprefix("./").lstrip("/")
            wanted = path == _DEBIAN or (path.startswith(_LIBRARIES) and _DISTRIBUTION in path)
            if wanted and (content := tar.extractfile(entry)):
                yield path, content.read()


def _components(files: dict[str, bytes]) -> Iterator[Component]:
    for path, content in files.items():
        if path == _DEBIAN:
            yield from _debian(content)
        else:
            yield _distribution(content)


def _debian(status: bytes) -> Iterator[Component]:
    for paragraph in status.decode().split("\n\n"):
        if not paragraph.strip():
            continue
        told = email.message_from_string(paragraph)
        if "installed" in told["Status"].split():
            yield _component(
                "deb", told["Package"], told["Version"], {"arch": told["Architecture"]}
            )


def _distribution(metadata: bytes) -> Component:
    told = email.message_from_bytes(metadata)
    component = _component("pypi", told["Name"].lower(), told["Version"], {})
    if named := told["License-Expression"] or told["License"]:
        component.licenses.add(DisjunctiveLicense(name=named.splitlines()[0]))
    return component


def _component(kind: str, name: str, version: str, qualifiers: dict[str, str]) -> Component:
    space = "debian" if kind == "deb" else None
    purl = PackageURL(kind, space, name, version, qualifiers)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=purl.to_string(),
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(bill(Path(sys.argv[1])) + "\n", encoding="utf-8")
