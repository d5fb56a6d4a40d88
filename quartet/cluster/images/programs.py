"""Images that hold one static program: Dapr's, CoreDNS and pause."""

from pathlib import Path

from quartet.cluster.configuration import PAUSE_IMAGE
from quartet.cluster.images.archive import Image
from quartet.cluster.tools import Tools
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DAPR_VERSION

COREDNS = "localhost/quartet-coredns:1"
DAPR_REGISTRY = "ghcr.io/dapr"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_NOBODY = "65532:65532"
_DAPR = ("daprd", "placement", "scheduler", "sentry", "operator", "injector")


def program_images(tools: Tools, dapr: Path) -> tuple[Image, ...]:
    """Return the images of what is built here from Go; `dapr` holds Dapr's programs.

    Raises:
        SetupError: this machine has no bundle of certificates.

    """
    if not _CERTIFICATES.is_file():
        raise SetupError("The bundle of certificates is missing: install ca-certificates.")
    return (
        _image(PAUSE_IMAGE, tools.path("pause"), ("/pause",)),
        _image(COREDNS, tools.path("coredns"), ("/coredns",)),
        # The chart names the command of each, and the sidecar's is the program by its name.
        *(_image(dapr_image(name), dapr / name, (f"/{name}",)) for name in _DAPR),
    )


def dapr_image(name: str) -> str:
    """Return what the chart of Dapr calls the image of one of its programs."""
    return f"{DAPR_REGISTRY}/{name}:{DAPR_VERSION}"


def _image(name: str, program: Path, entrypoint: tuple[str, ...]) -> Image:
    return Image(
        name=name,
        files={program.name: program, "etc/ssl/certs/ca-certificates.crt": _CERTIFICATES},
        entrypoint=entrypoint,
        user=_NOBODY,
        environment={"PATH": "/"},
    )
