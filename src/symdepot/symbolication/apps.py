"""Tells Django that this room keeps tables."""

from django.apps import AppConfig


class SymbolicationConfig(AppConfig):
    """The symbolication room."""

    name = "symdepot.symbolication"
    label = "symbolication"
