"""Where a suite runs, as far as its Dapr resources name it: this machine, or a namespace."""

from dataclasses import dataclass

from quartet.runtime.layout import HOST, NAMESPACE, REDIS_PORT, SIDECAR_TRUST_DOMAIN


@dataclass(frozen=True)
class Place:
    """What differs between two suites of one pack."""

    namespace: str
    trust_domain: str
    redis: str
    """Host and port."""
    redis_user: str = "sidecar"


LOCAL = Place(NAMESPACE, SIDECAR_TRUST_DOMAIN, f"{HOST}:{REDIS_PORT}")
CHART = Place("@namespace@", "@trust-domain@", "@redis@", "@redis-user@")
"""What the chart's templates put the release's own words in place of."""
