"""Which stored file serves a query best."""
