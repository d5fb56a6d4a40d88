"""The coordinator with crash points around its ports; run by test suites in its place."""

from dataclasses import replace

from quartet.service.settings import from_environment
from quartet.service.web import serve
from quartet.sidecar.client import Sidecar
from services.coordinator.app import Coordinator, build
from tests.suite.crashing import CrashingInvoker, CrashingPublisher, Points, before


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    points = Points(settings.data / "crash")
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    invoker, publisher = CrashingInvoker(sidecar, points), CrashingPublisher(sidecar, points)
    coordinator = Coordinator(settings, invoker, publisher, sidecar.signer)
    coordinator.intake = replace(
        coordinator.intake,
        keys=before(points, "before-recording", coordinator.intake.keys),
        schedule=before(points, "before-starting", coordinator.intake.schedule),
    )
    serve(build(coordinator), settings)


if __name__ == "__main__":
    main()
