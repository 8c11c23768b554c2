"""What leaves in privacy mode and what does not, from the one table that decides it."""

from __future__ import annotations

from from_code.markdown import code, table
from spancast.privacy.keys import KEYS


def leaves() -> str:
    """Return the attributes that privacy mode lets leave."""
    return _listed(True)


def stays() -> str:
    """Return the attributes that privacy mode keeps."""
    return _listed(False)


def _listed(safe: bool) -> str:
    groups: dict[str, list[str]] = {}
    for name, leaves in KEYS.items():
        if leaves is safe:
            groups.setdefault(_group(name), []).append(name)
    return table(
        ["group", "attributes"],
        ([group, ", ".join(code(name) for name in sorted(names))] for group, names in sorted(groups.items())),
    )


def _group(name: str) -> str:
    first, _, rest = name.partition(".")
    if first == "gen_ai":
        second = rest.partition(".")[0]
        return f"gen_ai.{second}"
    return first.partition("_")[0] if first.startswith("openinference") else first
