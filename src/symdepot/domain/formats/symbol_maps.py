"""Symbol maps: maps of names and lines that do not contain a debug id.

symbolic parses those of Apple; the two JSON formats are parsed here, in memory.
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
    """Return the format of the map at `path` by its first bytes, or None.

    Leading blanks are skipped, as in JSON.

    Raises:
        OSError: the file cannot be read.

    Source: spec/sentry-server 2.12, step 2.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).lstrip(b" \t\r\n")
    return next((known for prefix, known in _HEADS if head.startswith(prefix)), None)


def check_il2cpp(path: Path) -> None:
    """Check that the file at `path` is a line mapping of Unity's il2cpp.

    Objects are dropped as soon as they are parsed: 60 MB of JSON would take a gigabyte.

    Raises:
        NotADebugFile: it is not a JSON object.

    Source: symbolic-il2cpp, `LineMapping::parse`: C++ file → C# file → line → line.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=lambda _: None,
        parse_int=len,
        parse_float=len,
        parse_constant=_refuse_constant,
    )
    _decode(path, decoder.decode, "il2cpp")


def check_dart(path: Path) -> None:
    """Check that the file at `path` is a symbol map of Dart.

    Raises:
        NotADebugFile: it is not a JSON array of an even number of strings.

    Source: spec/sentry-server 2.9; long and short names alternate.
    """
    names = _decode(path, json.loads, "dartsymbolmap")
    if not isinstance(names, list):
        raise NotADebugFile("dartsymbolmap must be a JSON array")
    if len(names) % 2:
        raise NotADebugFile("dartsymbolmap array must have an even number of elements")
    if not all(isinstance(name, str) for name in names):
        raise NotADebugFile("Invalid dartsymbolmap format: an element is no string")


def _decode(path: Path, decode: Callable[[str], object], what: str) -> object:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        try:
            return decode(str(content, "utf-8"))
        except RecursionError:
            raise NotADebugFile(f"Invalid {what}: it is nested too deeply") from None
        except SystemError as e:
            # CPython's scanner calls a hook although it is out of memory.
            raise MemoryError from e
        except ValueError as e:
            raise NotADebugFile(f"Invalid {what}: {e}") from e


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
