"""Find unresolved addresses in pasted crash texts.

An `AddressSpan` is the range of characters to replace, with the module and offset to
look up. Resolving and rendering happen elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise

from symdepot.domain.crash_text.crash_modules import (
    CrashModule,
    CrashModuleList,
    hex_id,
    is_parsable,
)

MAX_ADDRESSES = 20_000
"""Found in one text; later ones are ignored."""

_HEX = "[0-9a-fA-F]{1,16}"
_BUILD_ID = r"(?: \(BuildId: (?P<id>[0-9a-fA-F]{2,128})\))?"


class TextFormat(Enum):
    """The tool that printed the text."""

    GDB = auto()
    LLDB = auto()
    SANITIZER = auto()
    SUMMARY = auto()
    GLIBC = auto()
    ANDROID = auto()
    KERNEL = auto()
    APPLE = auto()


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """An address in the characters of a text from `start` to `end`.

    `offset` is relative to the module, or to `function` if there is one, as in kernel
    logs. Some tools print call addresses instead of return addresses, which depends on
    the format. The module's name is empty if unknown.
    """

    start: int
    end: int
    module: CrashModule
    offset: int
    is_return_address: bool
    text_format: TextFormat
    function: str | None = None


def find_addresses(text: str) -> list[AddressSpan]:
    """Return the unresolved addresses in a text, in order and without overlap.

    Formats: backtraces of gdb and lldb together with a list of modules (`info proc
    mappings`, `/proc/PID/maps`, `image list`), sanitizers, glibc's `backtrace_symbols`,
    Android tombstones and logs, Linux kernel logs, and Apple crash reports as text.
    """
    lines = text.split("\n")
    modules = CrashModuleList(lines)
    found: list[AddressSpan] = []
    begin = 0
    for above, line in pairwise(["", *lines]):
        if is_parsable(line):
            found.extend(_spans(_Line(line, begin, modules), above))
        if len(found) >= MAX_ADDRESSES:
            return found[:MAX_ADDRESSES]
        begin += len(line) + 1
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, its position in the text, and the modules that the text lists."""

    text: str
    begin: int
    modules: CrashModuleList

    def bounds(self, found: re.Match[str]) -> tuple[int, int]:
        group = "span" if "span" in found.re.groupindex else 0
        return self.begin + found.start(group), self.begin + found.end(group)

    def span(
        self,
        found: re.Match[str],
        text_format: TextFormat,
        *,
        is_return_address: bool = False,
    ) -> AddressSpan:
        """Return the span of a match of module, offset and perhaps a build id."""
        module = CrashModule(found["name"], hex_id(found.groupdict().get("id")))
        offset = int(found["offset"], 16)
        return AddressSpan(
            *self.bounds(found), module, offset, is_return_address, text_format
        )


# A frame interrupted by a signal has no return address. Source: gdb's `SIGTRAMP_FRAME`;
# the trampolines' names in glibc, in the kernel's vDSO for ARM, and in Darwin.
_interrupted = re.compile(
    r"<signal handler called>|\b(?:__restore_rt|__kernel_rt_sigreturn|_sigtramp)\b"
).search
_UNWINDER_FORMATS = frozenset({TextFormat.GDB, TextFormat.LLDB, TextFormat.APPLE})


def _spans(line: _Line, above: str) -> Iterator[AddressSpan]:
    """Yield the spans of the first format that matches."""
    found = next(filter(None, (list(find(line)) for find in _FINDERS)), [])
    for span in found:
        if span.text_format in _UNWINDER_FORMATS and _interrupted(above):
            yield replace(span, is_return_address=False)
        else:
            yield span


# compiler-rt's `%L`: `(path+0x12)`. Return addresses are already decremented.
_SANITIZER_LINE = re.compile(
    r"(?:^|\s)#[0-9]+ +(?:0x|<null>|in )|^\s*#[0-9]+ .*<null> \("
    r"|^SUMMARY: \w+Sanitizer: "
)
# ThreadSanitizer prints `<null>` for unknown functions and files.
_SANITIZER_FRAME = re.compile(
    rf"(?<= )(?:<null> ){{0,2}}\((?P<name>[^()]+)\+0x(?P<offset>{_HEX})\){_BUILD_ID}"
)


def _sanitizer_spans(line: _Line) -> Iterator[AddressSpan]:
    if match := _SANITIZER_LINE.search(line.text):
        is_summary = match[0].startswith("SUMMARY")
        text_format = TextFormat.SUMMARY if is_summary else TextFormat.SANITIZER
        for found in _SANITIZER_FRAME.finditer(line.text):
            yield line.span(found, text_format)


# glibc's `backtrace_symbols` without a function.
_GLIBC_FRAME = re.compile(
    rf"(?<![^\s()])(?P<name>[^\s()]+)\(\+0x(?P<offset>{_HEX})\)(?= ?\[0x)"
)


def _glibc_spans(line: _Line) -> Iterator[AddressSpan]:
    for found in _GLIBC_FRAME.finditer(line.text):
        yield line.span(found, TextFormat.GLIBC, is_return_address=True)


# libunwindstack's `FormatFrame`. Return addresses are already decremented.
_ANDROID_FRAME = re.compile(
    r"#[0-9]+\s+pc\s+(?:0x)?(?P<offset>[0-9a-f]{6,16})\s+(?P<span>(?P<name>[^\s<\[]\S*)"
    rf"(?: \(offset 0x{_HEX}\))?(?: \((?!BuildId: ).*?\+[0-9]+\))?){_BUILD_ID}"
)


def _android_spans(line: _Line) -> Iterator[AddressSpan]:
    if found := _ANDROID_FRAME.search(line.text):
        yield line.span(found, TextFormat.ANDROID)


# The kernel's `%pS` and `%pSb`: function, offset, size, and module.
_KERNEL_FRAME = re.compile(
    rf"(?<![\w.$])(?P<name>[A-Za-z_$][\w.$]*)\+0x(?P<offset>{_HEX})/0x{_HEX}(?!\w)"
    r"(?: \[(?P<module>\w[\w-]*)(?: (?P<id>[0-9a-f]{40}))?\])?"
)
_INSTRUCTION_POINTER = re.compile(r"\b(?:[RE]?IP|PC|pc|epc)\b").search


def _kernel_spans(line: _Line) -> Iterator[AddressSpan]:
    current = _INSTRUCTION_POINTER(line.text)
    for found in _KERNEL_FRAME.finditer(line.text):
        yield AddressSpan(
            *line.bounds(found),
            CrashModule(found["module"] or "vmlinux", hex_id(found["id"])),
            int(found["offset"], 16),
            is_return_address=current is None or found.start() < current.end(),
            text_format=TextFormat.KERNEL,
            function=found["name"],
        )


_APPLE_FRAME = re.compile(
    rf"^\s*(?P<number>[0-9]+)\s+(?P<name>\S+(?: \S+)*?)\s+0x(?P<address>{_HEX}) "
    rf"(?P<span>(?:0x(?P<base>{_HEX})|(?P=name)) \+ (?P<offset>[0-9]{{1,12}}))\s*$"
)


def _apple_spans(line: _Line) -> Iterator[AddressSpan]:
    if found := _APPLE_FRAME.match(line.text):
        offset = int(found["offset"])
        base = int(found["address"], 16) - offset
        yield AddressSpan(
            *line.bounds(found),
            line.modules.loaded_at(base, found["name"]),
            offset,
            is_return_address=int(found["number"]) > 0,
            text_format=TextFormat.APPLE,
        )


_DEBUGGER_FRAMES = {
    TextFormat.GDB: re.compile(
        rf"^\s*#(?P<number>[0-9]+)\s+0x(?P<address>{_HEX}) in "
        r"(?P<span>\?\? \(\)(?: from \S+)?)"
    ),
    TextFormat.LLDB: re.compile(
        rf"\bframe #(?P<number>[0-9]+): 0x(?P<address>{_HEX}) "
        r"(?P<span>\S[^`]*?`___lldb_unnamed_symbol\S*(?: \+ [0-9]+)?)"
    ),
}


def _debugger_spans(line: _Line) -> Iterator[AddressSpan]:
    for text_format, pattern in _DEBUGGER_FRAMES.items():
        if found := pattern.search(line.text):
            address = int(found["address"], 16)
            location = line.modules.at(address) or (CrashModule(""), address)
            is_caller = int(found["number"]) > 0
            yield AddressSpan(*line.bounds(found), *location, is_caller, text_format)


_FINDERS: tuple[Callable[[_Line], Iterator[AddressSpan]], ...] = (
    _debugger_spans,
    _sanitizer_spans,
    _android_spans,
    _glibc_spans,
    _apple_spans,
    _kernel_spans,
)
