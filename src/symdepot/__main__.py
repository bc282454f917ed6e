"""`python -m symdepot` runs the command line."""

from symdepot.server.cli import main

main()
