"""Canaries: a specialist once more under an app-id of its own, for a share of the tasks.

Which specialists have one is declared to every app (QUARTET_CANARIES); how many tasks it gets is
the coordinator's business.
"""

from collections.abc import Iterable

from quartet.packs.manifest import Manifest, Specialist
from quartet.resilience.failures import Abandon

SUFFIX = "-canary"


def canary_of(base: str) -> str:
    """Return the app-id of the canary that stands for a specialist."""
    return f"{base}{SUFFIX}"


def named(text: str) -> tuple[str, ...]:
    """Return the app-ids of a comma-separated list."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


def with_canaries(manifest: Manifest, bases: Iterable[str]) -> Manifest:
    """Return the manifest with a canary for each of these specialists, after all others.

    It runs the same skills and may do the same; raises Abandon for what is no specialist.
    """
    known = {one.app_id: one for one in manifest.specialists}
    wanted = tuple(dict.fromkeys(bases))
    if strangers := [base for base in wanted if base not in known]:
        raise Abandon(
            f"There is no canary of {', '.join(strangers)}: pack {manifest.name} has the "
            f"specialists {', '.join(known)}. Name one of these in QUARTET_CANARIES.",
            cause="data",
            title="UnknownCanary",
        )
    canaries = tuple(_canary(known[base]) for base in wanted)
    return manifest.model_copy(update={"specialists": (*manifest.specialists, *canaries)})


def _canary(base: Specialist) -> Specialist:
    return base.model_copy(update={"app_id": canary_of(base.app_id), "canary_of": base.app_id})
