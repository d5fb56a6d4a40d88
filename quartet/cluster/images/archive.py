"""An image of one layer as a docker-archive file, the same bytes for the same content."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_EPOCH = 0


@dataclass(frozen=True)
class Image:
    """What an image is called and holds."""

    name: str
    """With registry and tag: `docker.io/library/redis:7`."""
    files: Mapping[str, Path]
    """Each file's path in the image, without a leading `/`, and where it is taken from."""
    entrypoint: Sequence[str] = ()
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def write(image: Image, target: Path) -> None:
    """Write the archive; files belong to root and have mode 0755 or 0644."""
    layer = target.with_suffix(".layer")
    with (
        layer.open("wb") as raw,
        tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for inside, source in sorted(image.files.items()):
            _add(tar, inside, source)
    wrap(image, layer, target)


def wrap(image: Image, layer: Path, target: Path) -> None:
    """Make an archive of a layer's tar file, which is removed; `files` plays no part."""
    with layer.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    config = json.dumps(_config(image, digest), sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [image.name], "Layers": [f"{digest}.tar"]}]
    partial = target.with_suffix(".partial")
    with tarfile.open(partial, mode="w") as tar:
        _add_bytes(tar, config_name, config)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode())
        _add(tar, f"{digest}.tar", layer)
    layer.unlink()
    partial.replace(target)


def _config(image: Image, layer_digest: str) -> dict[str, object]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": list(image.entrypoint) or None,
            "User": image.user,
            "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "quartet cluster"}],
    }


def _add(tar: tarfile.TarFile, inside: str, source: Path) -> None:
    size = source.stat().st_size
    entry = _entry(inside, size, executable=bool(source.stat().st_mode & 0o100))
    with source.open("rb") as content:
        tar.addfile(entry, content)


def _add_bytes(tar: tarfile.TarFile, inside: str, content: bytes) -> None:
    tar.addfile(_entry(inside, len(content), executable=False), io.BytesIO(content))


def _entry(inside: str, size: int, *, executable: bool) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(inside)
    entry.size, entry.mtime = size, _EPOCH
    entry.mode = 0o755 if executable else 0o644
    return entry
