"""The parts of the documentation that are made from the code when it is built, so that they cannot go stale."""
