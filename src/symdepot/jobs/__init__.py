"""Background work: leases on rows, the heartbeat that renews them, waiting."""
