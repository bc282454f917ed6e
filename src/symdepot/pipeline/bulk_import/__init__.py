"""Import of debug files that are on this machine: `symdepot import`."""
