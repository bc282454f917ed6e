"""What a symbol file says of an address, read from its text.

An independent reading of Breakpad's docs/symbol_files.md, for tests to compare with.
Paths are told without detours, as `a/../b`.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Inline:
    """A function that was inlined, and where it was called."""

    depth: int
    call_line: int
    call_file: str
    name: str
    start: int
    size: int


@dataclass(slots=True)
class Function:
    """A FUNC record, and the line and INLINE records that follow it."""

    start: int
    size: int
    name: str
    lines: list[tuple[int, int, int, str]] = field(default_factory=list)
    inlines: list[Inline] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SymText:
    """A symbol file that was read."""

    debug_id: str
    debug_file: str
    code_file: str
    files: dict[str, str]
    functions: list[Function]

    def addresses(self) -> Iterator[tuple[Function, int]]:
        """Yield the first and the last address of each line of each function."""
        for function in self.functions:
            for start, size, _, _ in function.lines:
                if size:
                    yield function, start
                    yield function, start + size - 1

    def expected(self, function: Function, address: int) -> list[dict[str, object]]:
        """Return the functions at an address, innermost first."""
        line = next(
            (line, file)
            for start, size, line, file in function.lines
            if start <= address < start + size
        )
        inlines = sorted(
            (i for i in function.inlines if i.start <= address < i.start + i.size),
            key=lambda inline: inline.depth,
        )
        names = [function.name, *(inline.name for inline in inlines)]
        places = [*((i.call_line, i.call_file) for i in inlines), line]
        told = [self._told(*both) for both in zip(names, places, strict=True)]
        return told[::-1]

    def _told(self, name: str, place: tuple[int, str]) -> dict[str, object]:
        line, file = place
        path = self.files.get(file, "")
        if path.startswith("/"):
            path = posixpath.normpath(path)
        told: dict[str, object] = {"function": name}
        if path:
            told["file"] = path
            if line:
                told["line"] = line
        return told


def read(text: str) -> SymText:
    """Read a symbol file."""
    head, *records = text.splitlines()
    _, _, _, debug_id, debug_file = head.split(" ", 4)
    code_ids = _named(records, "INFO CODE_ID")
    code_file = next((name for name in code_ids.values()), "")
    return SymText(
        debug_id,
        debug_file,
        code_file,
        _named(records, "FILE"),
        _functions(records, _named(records, "INLINE_ORIGIN")),
    )


def _named(records: list[str], kind: str) -> dict[str, str]:
    """Return what numbers or ids stand for, in all records of one kind."""
    rests = [r.removeprefix(f"{kind} ") for r in records if r.startswith(f"{kind} ")]
    return {number: name for number, _, name in (rest.partition(" ") for rest in rests)}


def _functions(records: list[str], origins: dict[str, str]) -> list[Function]:
    functions: list[Function] = []
    for record in records:
        kind, _, rest = record.partition(" ")
        if kind == "FUNC":
            start, size, _, name = rest.removeprefix("m ").split(" ", 3)
            functions.append(Function(int(start, 16), int(size, 16), name))
        elif kind == "INLINE":
            functions[-1].inlines += _inlines(rest, origins)
        elif kind not in _OTHERS:
            size, line, file = rest.split()
            place = (int(kind, 16), int(size, 16), int(line), file)
            functions[-1].lines.append(place)
    return functions


_OTHERS = {"FILE", "INFO", "INLINE_ORIGIN", "PUBLIC", "STACK"}


def _inlines(rest: str, origins: dict[str, str]) -> Iterator[Inline]:
    depth, line, file, origin, *ranges = rest.split()
    for start, size in zip(ranges[::2], ranges[1::2], strict=True):
        yield Inline(
            int(depth),
            int(line),
            file,
            origins[origin],
            int(start, 16),
            int(size, 16),
        )
