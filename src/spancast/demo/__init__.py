"""What `spancast demo` runs."""
