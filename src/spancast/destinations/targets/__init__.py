"""The kinds of place that spans go to: one file each, with its exporter and its own test."""
