"""Symbolicator's protocol, for crash tools: POST /symbolicate and /symbolicate-jvm."""
