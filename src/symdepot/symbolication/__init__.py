"""Addresses in, functions, files and lines out."""
