"""Check rows against blobs and against each other, and repair what is safe to repair."""
