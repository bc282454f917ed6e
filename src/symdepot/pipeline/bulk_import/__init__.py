"""Import of debug files of this machine, for `symdepot import`."""
