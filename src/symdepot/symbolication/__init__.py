"""Symbolication: addresses to functions, files and lines; JVM names to real names."""
