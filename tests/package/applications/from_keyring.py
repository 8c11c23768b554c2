"""A destination whose key lies in a keyring: here one that holds a single entry in memory."""

from __future__ import annotations

import keyring
from keyring.backend import KeyringBackend

from spancast import destinations


class Pocket(KeyringBackend):
    """Holds one key."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        """Return the key of the one entry."""
        return "from-the-pocket" if (service, username) == ("spancast", "COLLECTOR") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Take nothing."""
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        """Delete nothing."""
        raise NotImplementedError


def main() -> None:
    """Print the header that would be sent, and what a person is shown of it."""
    keyring.set_keyring(Pocket())
    made = destinations.otlp("http://127.0.0.1:9/v1/traces", headers={"Authorization": "Bearer keyring:COLLECTOR"})
    print(made.target.headers["Authorization"], "from-the-pocket" in repr(made))


if __name__ == "__main__":
    main()
