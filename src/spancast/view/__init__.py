"""Looks at traces: reads OTLP JSON lines and draws them for people."""
