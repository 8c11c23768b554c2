"""Real receivers on loopback for the tests."""
