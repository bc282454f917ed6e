"""Comparison of rows with bytes and with each other, and repair."""
