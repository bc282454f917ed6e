"""Benchmarks of the project's goals. Run as `python -m bench`."""
