"""Parses the first line of a Breakpad file: `MODULE OS ARCHITECTURE ID NAME`.

Source: Breakpad's docs/symbol_files.md, "MODULE records".
"""

import re
from dataclasses import dataclass
from typing import Self

from symdepot.domain.ids import DebugId

HEAD_BYTES = 4096
"""The line is shorter, since paths are."""

_LINE = re.compile(
    rb"(?P<start>MODULE +[^ \r\n]+ +)(?P<arch>[^ \r\n]+)"
    rb" +(?P<id>[0-9A-Fa-f]{32,40})(?: +(?P<name>[^\r\n]*))?"
).match
_ALIASES = {
    "aarch64": "arm64",
    "i486": "x86",
    "i586": "x86",
    "i686": "x86",
    "powerpc": "ppc",
    "powerpc64": "ppc64",
}


@dataclass(frozen=True, slots=True)
class BreakpadModule:
    """The fields of the line. `id_text`: the debug id, as the file writes it."""

    arch: str
    id_text: str
    name: str

    @classmethod
    def parse(cls, head: bytes) -> Self | None:
        """Parse the first bytes of a file; None if it is not Breakpad.

        >>> BreakpadModule.parse(b"MODULE windows x86 0123456789ABCDEF0123456789ABCDEFA b.pdb")
        BreakpadModule(arch='x86', id_text='0123456789ABCDEF0123456789ABCDEFA', name='b.pdb')
        """
        match = _LINE(head)
        if match is None:
            return None
        name = (match["name"] or b"").decode(errors="replace").strip()
        return cls(match["arch"].decode(errors="replace"), match["id"].decode(), name)

    @property
    def debug_id(self) -> DebugId:
        """The debug id."""
        return DebugId.parse(self.id_text)


def known_arch(arch: str) -> str:
    """Return symbolic's name of an architecture that it does not know by this name.

    `unknown` for those that it does not know at all, as `riscv` and `s390x`.

    >>> known_arch("AArch64"), known_arch("sparcv9")
    ('arm64', 'unknown')

    Source: Breakpad's src/common/linux/dump_symbols.cc, `ElfArchitecture`; Tecken's
    tests have `aarch64`.
    """
    return _ALIASES.get(arch.lower(), "unknown")


def with_arch(content: bytes, arch: str) -> bytes:
    """Return a Breakpad file with another architecture in its first line."""
    match = _LINE(content)
    if match is None:
        return content
    return b"".join((match["start"], arch.encode(), content[match.end("arch") :]))
