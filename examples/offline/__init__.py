"""What stands in for the world, so that the examples run without a key and without a network."""
