"""Lets `python -m symdepot` be `symdepot`."""

from symdepot.server.cli import main

main()
