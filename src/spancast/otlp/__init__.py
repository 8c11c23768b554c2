"""Span -> OTLP, in protobuf and in JSON, and one POST of it."""
