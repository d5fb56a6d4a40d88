"""How Sentry, the issuer of all certificates, is configured and started; it runs elsewhere."""

import os
from collections.abc import Mapping

from quartet.runtime import layout
from quartet.runtime.errors import SetupError

LIFE = "QUARTET_CERTIFICATE_MINUTES"
DEFAULT_MINUTES = 60
_CONFIGURATION = """\
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: sentry
spec:
  mtls:
    enabled: true
    workloadCertTTL: {life}m
    allowedClockSkew: {skew}s
    tokenValidators:
    - name: jwks
      options:
        source: {keys}
"""


def certificate_life(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many minutes a sidecar's certificate lasts.

    Raises:
        SetupError: the environment asks for something else than 1 to 1440 minutes.

    """
    asked = environment.get(LIFE, str(DEFAULT_MINUTES))
    if not asked.isascii() or not asked.isdecimal() or not 1 <= int(asked) <= 1440:
        raise SetupError(f"{LIFE} is {asked!r}: set it to 1 to 1440 minutes, or unset it.")
    return int(asked)


def sentry_configuration(data: layout.DataFolder, minutes: int) -> str:
    """Return Sentry's configuration: short certificates, and none without a token of ours.

    A certificate counts as valid from half its life before its issue. Sidecars renew half-way
    between its two ends, so four times in a life; and what was signed just before a restart, with
    an event older than the new certificate, still verifies.
    """
    return _CONFIGURATION.format(life=minutes, skew=minutes * 30, keys=data.attestation_keys)


def command_line(data: layout.DataFolder) -> list[str]:
    """Return Sentry's command line; it makes the certificates of a data folder that has none."""
    return [
        str(data.binaries / "sentry"),
        *("--mode", "standalone", "--config", str(data.sentry / "config.yaml")),
        *("--issuer-credentials", str(data.sentry)),
        *("--trust-domain", layout.CONTROL_PLANE_TRUST_DOMAIN),
        *listening(layout.SENTRY_PORT, layout.SENTRY_HEALTH_PORT, layout.SENTRY_METRICS_PORT),
    ]


def listening(port: int, health: int, metrics: int) -> list[str]:
    """Return the arguments that all parts of the control plane share: loopback, and quiet."""
    return [
        *("--listen-address", layout.HOST, "--port", str(port)),
        *("--healthz-listen-address", layout.HOST, "--healthz-port", str(health)),
        *("--enable-metrics=false", "--metrics-listen-address", layout.HOST),
        *("--metrics-port", str(metrics), "--log-level", "warn"),
    ]
