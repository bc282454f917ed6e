"""Texts of other systems, about programs of the corpus, against LLVM's symbolizer."""

import posixpath
import re
from pathlib import Path

import pytest
from pytest_django import Settings
from tests import environment
from tests.factories import a_client, a_project, upload
from tests.fixtures.command_output import output_of

from symdepot.symbolication import pasted_text

CORPUS = environment.PROJECT.parent / "shared" / "corpus" / "symbolic"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us"),
]

ELF_ID = "f1c3bcc0279865fe3058404b2831d9e64135386c"
MACHO_BASE = 0x1_0000_0000
LOADED_AT = 0x1_04A1_8000

# After developer.android.com's and Apple's documentation of their reports.
TOMBSTONE = """\
*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***
Build fingerprint: 'Android/sdk_phone_x86_64/generic:14/AB1A/1:userdebug/test-keys'
ABI: 'x86_64'
pid: 17946, tid: 17949, name: crasher  >>> crasher <<<
signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x000000000000000c
backtrace:
{frames}
      #999 pc 00000000000b1910  /apex/com.android.runtime/lib64/bionic/libc.so (__start_thread+64)
"""
REPORT = """\
Process:             macho-crash [9876]
Exception Type:      EXC_BAD_ACCESS (SIGSEGV)

Thread 0 Crashed:
{frames}
999 libdyld.dylib                 \t0x00007fff6ea0f015 start + 1

Binary Images:
       0x104a18000 -        0x104a3ffff +macho-crash (0) <67E9247C-814E-392B-A027-DBDE6748FCBF> /Users/x/macho-crash
"""


def addresses(program: Path) -> list[int]:
    """Some addresses in each third function of the symbol table."""
    rows = [
        line.split()
        for line in output_of("llvm-nm-19", "--defined-only", program).splitlines()
    ]
    begins = sorted(int(at, 16) for at, kind, *_ in rows if kind in "tT")
    return [at + step for at in begins[::3] for step in (1, 4)]


def places(program: Path, asked: list[int]) -> list[list[str]]:
    """File and line of each function at each address, as LLVM tells it."""
    said = output_of("llvm-symbolizer-19", f"--obj={program}", *map(hex, asked))
    blocks = [block.splitlines()[1::2] for block in said.strip().split("\n\n")]
    return [
        [posixpath.normpath(line.rpartition(":")[0]) for line in block]
        for block in blocks
    ]


def resolved(settings: Settings, debug_file: Path, text: str) -> list[str]:
    settings.SYMCACHES = True
    settings.MAX_REQUEST_SIZE = 16 << 20
    a_project()
    upload(a_client(), debug_file.read_bytes(), name=debug_file.name)
    return pasted_text.resolve_text(a_project(), text, by="a test").text.splitlines()


def of_frames(lines: list[str], pattern: str, count: int) -> list[list[str]]:
    """What is told of each frame: `pattern` finds its number, and a place."""
    told: list[list[str]] = [[] for _ in range(count)]
    for found in filter(None, (re.search(pattern, line) for line in lines)):
        told[int(found[1])].append(found[2])
    return told


def mostly(told: list[list[str]], expected: list[list[str]]) -> None:
    """Compare where LLVM knows a line, which it also does between functions."""
    known = zip(told, expected, strict=True)
    pairs = [(t, e) for t, e in known if not e[0].endswith(":0")]
    same = [t for t, e in pairs if t == e]
    assert len(pairs) > 50
    assert len(same) >= 0.95 * len(pairs), [p for p in pairs if p[0] != p[1]]


def test_a_tombstone_has_the_lines_that_llvm_tells(settings: Settings) -> None:
    debug_file = CORPUS / "elf-crash.debug"
    asked = addresses(debug_file)
    frames = "\n".join(
        f"      #{n:02} pc {at:016x}  /data/local/tmp/crasher (BuildId: {ELF_ID})"
        for n, at in enumerate(asked)
    )

    lines = resolved(settings, debug_file, TOMBSTONE.format(frames=frames))

    told = of_frames(lines, r"#(\d+) pc .*\) (/\S+:\d+)(?: |$)", len(asked))
    mostly(told, places(debug_file, asked))
    assert lines[:6] == TOMBSTONE.splitlines()[:6]
    assert lines[-1] == TOMBSTONE.splitlines()[-1]


def test_a_report_of_apple_s_has_the_lines_that_llvm_tells(settings: Settings) -> None:
    debug_file = CORPUS / "macho-crash.dwarf"
    asked = addresses(debug_file)
    frames = "\n".join(
        f"{'0 ' if n == 0 else n}  {'macho-crash':<40}"
        f"0x{LOADED_AT + at - MACHO_BASE + (n > 0):016x} "
        f"0x{LOADED_AT:x} + {at - MACHO_BASE + (n > 0)}"
        for n, at in enumerate(asked)
    )

    lines = resolved(settings, debug_file, REPORT.format(frames=frames))

    told = of_frames(lines, r"^(\d+) .*\((\S+:\d+)\)(?: |$)", len(asked))
    expected = [
        [place.rpartition("/")[2] for place in one] for one in places(debug_file, asked)
    ]
    mostly(told, expected)
    assert lines[-1] == REPORT.splitlines()[-1]
