"""The integrations, tested as far as they can be without the ecosystems they belong to."""
