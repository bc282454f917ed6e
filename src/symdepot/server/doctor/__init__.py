"""Checks of an installation, as `symdepot doctor` runs them."""
