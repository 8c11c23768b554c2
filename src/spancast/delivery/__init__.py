"""A lane for each destination: queue, worker, retry, and the ledger of what became of every span."""
