"""What the command line does about destinations, settings and privacy; one module a group of commands."""
