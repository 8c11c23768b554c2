"""A lane for each destination: queue, worker, retry, and the ledger of what happened to every span."""
