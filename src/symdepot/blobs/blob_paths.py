"""Where a blob lies, in a folder as in a bucket.

    ab/cd/abcd…       the bytes whose SHA-1 is abcd…, and nothing else

Two levels of 256 keep any folder small: ten million blobs are 150 to a folder.
"""

import re

from symdepot.domain.ids import Checksum

_PLACE = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{36})").fullmatch


def blob_path(checksum: Checksum) -> str:
    """Return the path of a blob, from the root of its store.

    >>> blob_path(Checksum.of(b"abc"))
    'a9/99/a9993e364706816aba3e25717850c26c9cd0d89d'
    """
    return f"{checksum.hex[:2]}/{checksum.hex[2:4]}/{checksum.hex}"


def checksum_of_path(path: str) -> Checksum | None:
    """Return what lies at `path`, or None if no blob can: the inverse of `blob_path`.

    >>> checksum_of_path("a9/99/a9993e364706816aba3e25717850c26c9cd0d89d")
    Checksum(hex='a9993e364706816aba3e25717850c26c9cd0d89d')
    >>> checksum_of_path("lost+found/README") is None
    True
    """
    match = _PLACE(path)
    return Checksum(match[3]) if match else None
