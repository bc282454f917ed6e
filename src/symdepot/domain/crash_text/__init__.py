"""Crash reports as text: the addresses in them, and how answers are written."""
