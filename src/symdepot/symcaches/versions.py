"""Which making of symcaches is the present one, and why there were others.

A symcache of another version is never read: it is made anew, and then forgotten.
"""

_SYMBOLIC_FORMAT = 9
"""The file format of the symbolic that is installed; a test compares."""

_OURS = 1
"""Raised when the same file would come to another symcache by our own doing.

1: as symbolic makes it of the object that is asked for.
"""

_STEP = 1000

VERSION = _OURS * _STEP + _SYMBOLIC_FORMAT
