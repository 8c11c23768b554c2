"""Where the spans of a destination are kept that cannot be delivered."""

from __future__ import annotations

from pathlib import Path

from ..delivery.identity import folder_of
from ..delivery.spool import Spool
from ..destinations.destination import Destination
from ..destinations.targets.network import NETWORK_TARGETS


def spool_of(base: Path | None, destination: Destination, max_bytes: int) -> Spool | None:
    """Return a spool for *destination* below *base*, for one process; None where it is off or it has no URL.

    Its folder is found when it is first needed: nothing is made on disk before a span has to go there.
    """
    if base is None or not isinstance(destination.target, NETWORK_TARGETS):
        return None

    def folder() -> Path:
        found = folder_of(base, destination)
        assert found is not None  # noqa: S101  (it has a URL)
        return found

    manifest = {
        "name": destination.name,
        "url": destination.target.describe(),
        "protocol": destination.target.protocol,
        "privacy_mode": destination.privacy_mode,
    }
    return Spool(folder, base=base, manifest=manifest, max_bytes=max_bytes)
