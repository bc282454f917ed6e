"""Open the objects of a debug file with symbolic.

This parses an untrusted file in native code, so only code of the sandbox imports it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from symbolic.common import arch_is_known
from symbolic.debuginfo import Archive, Object

from symdepot.domain.symbol_paths import breakpad_module
from symdepot.domain.symbol_paths.breakpad_module import HEAD_BYTES, BreakpadModule


def objects(path: Path) -> Iterator[Object]:
    """Yield the objects of the file at `path`, which are valid while the iterator lives.

    symbolic refuses Breakpad files of an architecture that it does not know; it gets
    a copy with another name in the first line.

    Raises:
        SymbolicError: the file is invalid; `IoError` if it cannot be read.
        OSError: it cannot be read.
    """
    content = _renamed_arch(path)
    # `from_bytes` keeps no reference to the bytes that it reads later: this frame does.
    archive = (
        Archive.open(os.fsencode(path))
        if content is None
        else Archive.from_bytes(content)
    )
    yield from archive.iter_objects()


def _renamed_arch(path: Path) -> bytes | None:
    """Return the content with a known architecture; None if nothing needs a change."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        module = BreakpadModule.parse(head)
        if module is None or arch_is_known(module.arch):
            return None
        content = head + file.read()
    return breakpad_module.with_arch(content, breakpad_module.known_arch(module.arch))
