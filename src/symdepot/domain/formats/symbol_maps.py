"""Maps of names and lines that come beside a program, and tell nothing of its id.

Which of them a file is stands in its first bytes. Those of Apple symbolic reads; the
two that are JSON are read here, whole and within the memory of one who reads it.
"""

import json
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.objects import Format

_HEAD_BYTES = 11
_HEADS = (
    (b"BCSymbolMap", Format.BC_SYMBOL_MAP),
    (b"<?xml", Format.UUID_MAP),
    (b"{", Format.IL2CPP),
    (b"[", Format.DART_SYMBOL_MAP),
)


def format_of(path: Path) -> Format | None:
    """Return which map the file at `path` begins like, or None.

    Blanks before it do not count, as they do not in JSON.

    Raises:
        OSError: it cannot be read.

    Source: spec/sentry-server 2.12, step 2.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for beginning, map_format in _HEADS:
        if head.lstrip(b" \t\r\n").startswith(beginning):
            return map_format
    return None


def check_il2cpp(path: Path) -> None:
    """Make sure that the file at `path` is a line mapping of Unity's il2cpp.

    Objects in it are forgotten as soon as they are read: 60 MB of it as Python keeps
    them take a gigabyte.

    Raises:
        NotADebugFile: it is no JSON object.

    Source: symbolic-il2cpp, `LineMapping::parse`: C++ file → C# file → line → line.
    """
    forget = json.JSONDecoder(
        object_pairs_hook=_nothing,
        parse_int=len,
        parse_float=len,
        parse_constant=_refuse_constant,
    )
    _decoded(path, forget.decode, "il2cpp")


def check_dart(path: Path) -> None:
    """Make sure that the file at `path` is a symbol map of Dart's.

    Raises:
        NotADebugFile: it is no JSON array of strings of an even number.

    Source: spec/sentry-server 2.9; names in turn, the long and the short.
    """
    names = _decoded(path, json.loads, "dartsymbolmap")
    if not isinstance(names, list):
        raise NotADebugFile("dartsymbolmap must be a JSON array")
    if len(names) % 2:
        raise NotADebugFile("dartsymbolmap array must have an even number of elements")
    if not all(isinstance(name, str) for name in names):
        raise NotADebugFile("Invalid dartsymbolmap format: an element is no string")


def _decoded(path: Path, decode: Callable[[str], object], what: str) -> object:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        try:
            return decode(str(content, "utf-8"))
        except RecursionError:
            raise NotADebugFile(f"Invalid {what}: it is nested too deeply") from None
        except SystemError as e:
            # CPython's scanner calls a hook though it has run out of memory before.
            raise MemoryError from e
        except ValueError as e:
            raise NotADebugFile(f"Invalid {what}: {e}") from e


def _nothing(pairs: list[tuple[str, object]]) -> None:
    """Keep nothing of an object."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
