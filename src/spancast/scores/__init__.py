"""Scores: what a human, a model or a test thinks of a span, a trace or a session, on the way that spans take."""
