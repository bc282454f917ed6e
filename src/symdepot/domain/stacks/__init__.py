"""Stack traces of addresses: modules, return addresses, frames, source lines."""
