"""Eliot's protocol, for Mozilla's profiler and crash tools: POST /symbolicate/v5, v4."""
