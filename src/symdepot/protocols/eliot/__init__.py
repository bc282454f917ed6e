"""What Mozilla's profiler and crash tools speak: POST /symbolicate/v5, and the old v4."""
