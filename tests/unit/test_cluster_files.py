"""What a local cluster is made of, looked at without starting one."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from quartet.cluster import cgroups, configuration, programs, requirements
from quartet.cluster.credentials import write_credentials
from quartet.cluster.images import archive
from quartet.cluster.places import NODE, Places
from quartet.cluster.tools import KUBERNETES, Tools
from quartet.cluster.waiting import until
from quartet.runtime.errors import SetupError
from quartet.runtime.gobuild import Family, ensure, missing


def tools(folder: Path) -> Tools:
    """Return tools that are empty files in a folder."""
    folder.mkdir(parents=True)
    for name in (*KUBERNETES.programs, "containerd", "containerd-shim-runc-v2", "ctr"):
        (folder / name).touch()
    return Tools((folder,))


def test_an_image_of_the_same_files_has_the_same_bytes(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    image = archive.Image("localhost/one:1", {"program": program}, ("/program",), "65532:65532")

    archive.write(image, tmp_path / "first.tar")
    archive.write(image, tmp_path / "second.tar")

    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()
    with tarfile.open(tmp_path / "first.tar") as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        config = json.loads(tar.extractfile(manifest[0]["Config"]).read())  # type: ignore[union-attr]
    assert manifest[0]["RepoTags"] == ["localhost/one:1"]
    assert config["config"]["User"] == "65532:65532"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{manifest[0]['Layers'][0][:-4]}"]


def test_each_certificate_is_signed_by_the_cluster_s_own_authority(tmp_path: Path) -> None:
    keys = tmp_path / "keys"

    write_credentials(keys)

    authority = x509.load_pem_x509_certificate((keys / "ca.crt").read_bytes())
    signer = authority.public_key()
    assert isinstance(signer, ec.EllipticCurvePublicKey)
    issued = [path for path in keys.glob("*.crt") if path.stem != "ca"]
    assert len(issued) == 9
    for path in issued:
        x509.load_pem_x509_certificate(path.read_bytes()).verify_directly_issued_by(authority)
    assert {path.stat().st_mode & 0o077 for path in keys.iterdir()} == {0}


def test_the_kubelet_is_the_node_that_its_certificate_names(tmp_path: Path) -> None:
    write_credentials(tmp_path / "keys")

    made = x509.load_pem_x509_certificate((tmp_path / "keys" / "kubelet.crt").read_bytes())

    names = {part.rfc4514_string() for part in made.subject.rdns}
    assert names == {f"CN=system:node:{NODE}", "O=system:nodes"}


def test_each_program_of_the_node_is_started_with_files_that_are_written(tmp_path: Path) -> None:
    places, found = Places(tmp_path / "cluster"), tools(tmp_path / "bin")
    write_credentials(places.keys)
    configuration.write_configuration(places, found)

    plan = programs.plan(places, found, Path("/usr/bin/etcd"))

    words = [word for program in plan.programs for word in program.argv[1:]]
    named = {word.rpartition("=")[2] for word in words if str(places.run) in word}
    not_yet = {str(places.etcd), f"{places.kubelet}/volume-plugins"}
    assert {path for path in named if not Path(path).exists()} <= not_yet
    assert [program.name for program in plan.programs][:3] == [
        "etcd",
        "containerd",
        "kube-apiserver",
    ]
    settings = yaml.safe_load(places.kubelet_settings.read_text())
    assert settings["failCgroupV1"] is False


def test_the_own_control_groups_are_read_in_both_notations() -> None:
    text = "9:name=systemd:/init\n4:memory:/a/b\n2:cpu,cpuacct:/\n0::/\n"

    own = cgroups._own_groups(text)

    assert own == {"systemd": "/init", "memory": "/a/b", "cpu": "/", "cpuacct": "/", "": "/"}


def test_groups_are_removed_from_the_innermost_outwards(tmp_path: Path) -> None:
    group = tmp_path / "quartet-cluster"
    (group / "kubepods" / "pod1" / "container").mkdir(parents=True)

    left = cgroups.remove((group,))

    assert left == []
    assert not group.exists()


def test_missing_packages_are_installed_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    asked: list[str] = []
    monkeypatch.setattr(requirements, "obstacle", lambda: None)
    monkeypatch.setattr(requirements, "PATH", "/nowhere")
    monkeypatch.setattr(requirements, "install_packages", lambda *names: asked.extend(names))

    requirements.provide(told.append)

    assert {"etcd-server", "runc", "buildah", "debootstrap"} <= set(asked)
    assert told == [f"installing {' '.join(asked)}"]


def test_without_root_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(SetupError, match="needs root"):
        requirements.provide(lambda _: None)


def test_what_does_not_come_in_time_is_told_as_asked() -> None:
    with pytest.raises(SetupError, match=r"^It never came\.$"):
        until(lambda: False, 0, lambda: "It never came.")


def test_a_build_that_fails_says_so_and_leaves_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    go.write_text(
        '#!/bin/sh\n[ "$1" = version ] && exec echo go version go1.26.8\n'
        "echo no such thing >&2\nexit 1\n"
    )
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    family = Family(module="dapr", programs={"nothing": "example.org/nothing"})

    with pytest.raises(SetupError, match=r"^Building nothing failed: no such thing"):
        ensure(family, tmp_path / "built", print)

    assert missing(tmp_path / "built", ("nothing",)) == ("nothing",)


def test_other_stamps_or_tags_make_another_folder() -> None:
    one = Family(module="dapr", programs={})
    other = Family(module="dapr", programs={}, stamps=("a.b=c",))

    assert one.folder != other.folder
