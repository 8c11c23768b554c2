"""The real integration packages of both frameworks, against a double of each provider's API on loopback."""
