"""Garbage collection: what is deleted, why, and in which order."""
