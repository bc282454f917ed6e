"""Paths of symbol servers: from a path to a file query, and back."""
