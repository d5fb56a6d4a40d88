"""What Dapr's own sources declare, read where they declare it."""

import re
from pathlib import Path


def exported(dapr: Path) -> dict[str, set[str]]:
    """Return the metrics of a sidecar with their labels."""
    found: dict[str, set[str]] = {}
    keys: dict[str, str] = {}
    for path in (dapr / "pkg" / "diagnostics").glob("*.go"):
        text = path.read_text(encoding="utf-8")
        keys |= dict(re.findall(r'(\w+Key)\s*=\s*tag\.MustNewKey\("([\w.]+)"\)', text))
    for path in (dapr / "pkg" / "diagnostics").glob("*.go"):
        text = path.read_text(encoding="utf-8")
        measures = dict(re.findall(r'(\w+):\s+stats\.\w+\(\s*"([\w/.]+)"', text))
        for field, labels, how in re.findall(
            r"NewMeasureView\(\w+\.(\w+), \[\]tag\.Key\{([^}]*)\}, ([\w.]+)", text
        ):
            name = "dapr_" + re.sub("[/.]", "_", measures[field])
            has = {keys.get(one.strip(), one.strip()) for one in labels.split(",")}
            if how.startswith("view."):
                found[name] = has
            else:
                found |= {f"{name}_bucket": {*has, "le"}, f"{name}_count": has, f"{name}_sum": has}
    return found
