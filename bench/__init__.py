"""Measures what the goals of the project are about. Run as `python -m bench`."""
