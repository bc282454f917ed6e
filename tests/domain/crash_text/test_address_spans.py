"""Exactly the addresses that can be resolved are found in a pasted text."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.crash_text import address_spans
from symdepot.domain.crash_text.address_spans import AddressSpan, TextFormat
from symdepot.domain.crash_text.crash_modules import CrashModule

ASAN = """\
==285==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000038 at pc 0x1
WRITE of size 1 at 0x602000000038 thread T0
    #0 0x555ad8b541e1  (/srv/app/asan.bin+0x11e1)
    #1 0x555ad8b54215  (/srv/app/asan.bin+0x1215) (BuildId: 0011aabbccddeeff)
    #2 0x7fdea3245249 in main /src/a.c:7:3
    #3 0x7fdea3245249 in puts (/lib/x86_64-linux-gnu/libc.so.6+0x27249)

SUMMARY: AddressSanitizer: heap-buffer-overflow (/srv/app/asan.bin+0x11e1)
"""
TSAN = """\
  Previous write of size 4 at 0x555555558054 by thread T1:
    #0 <null> <null> (tsan.bin+0x11d9)
  Location is global '<null>' at 0x000000000000 (tsan.bin+0x4054)
"""
GLIBC = """\
./program(+0x1189) [0x55d0c4d3c189]
/lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0xf3) [0x7f2b8a2b40b3]
/opt/lib/libx.so(+0xABC)[0x7f2b8a2b40b3]
"""
TOMBSTONE = """\
*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***
ABI: 'arm64'
backtrace:
      #00 pc 000000000004f4c4  /apex/lib64/bionic/libc.so (abort+164) (BuildId: 0a1b)
      #01 pc 0000000000012345  /data/app/base.apk!libgame.so (offset 0x2000)
      #02 pc 00000000000006a0  /system/lib64/liba.so (ns::f(int, (x)*)+12)
      #03 pc 0000000000000010  <anonymous:7b24d90000>
      #04 pc 0000000000000010  [vdso]
F/DEBUG   ( 1234):     #05 pc 0001f3f8  /system/lib/libb.so
06-01 10:00:00.000  1  2 F DEBUG   :       #06 pc 0001f3fa  /system/lib/libb.so (g+1)
"""
KERNEL_ID = "0123456789abcdef0123456789abcdef01234567"
OOPS = f"""\
[   12.3] BUG: kernel NULL pointer dereference, address: 0000000000000000
[   12.3] RIP: 0010:crash_write+0x1a/0x40 [crasher]
[   12.3] Modules linked in: crasher(OE+) [last unloaded: crasher]
[   12.3] Call Trace:
[   12.3]  <TASK>
[   12.3]  ? __die+0x23/0x70
[   12.3]  proc_reg_write+0x5a/0xa0 [proc-x {KERNEL_ID}]
[   12.3]  [<ffffffff81234567>] vfs_write.isra.0+0xbc/0x430
[   12.3] pc : el0_svc+0x3c/0x40
[   12.3] 0x10+0x20/0x30
"""
APPLE = """\
Thread 0 Crashed:
0   My Game                       0x0000000104a1c3e8 0x104a18000 + 17384
1   libsystem_kernel.dylib        0x00000001b8f1c334 __pthread_kill + 8
2   My Game                       0x0000000104a1c000 My Game + 16384
3   Engine                        0x0000000200000010 0x200000000 + 16
4   Plugin                        0x0000000104a1d010 0x104a1d000 + 16

Binary Images:
       0x104a18000 -        0x104a23fff +My Game arm64  <8BDE1D2A44DE3ACD91F3A4BBF4BD8E7A> /A/My Game
       0x1b8f00000 -        0x1b8f4ffff  libsystem_kernel.dylib (8020) <0A0A0A0A-44DE-3ACD-91F3-A4BBF4BD8E7A> /usr/lib/x
"""
GDB = """\
#3  0x00007ffff7dfb472 in __GI_abort () at ./stdlib/abort.c:79
#4  0x0000555555555147 in ?? ()
#5  0x00007ffff7dfc24a in ?? () from /usr/lib/x86_64-linux-gnu/libc.so.6
#6  0x0000000000000071 in ?? ()
#7  0x0000666600000000 in ?? ()
process 28605
          Start Addr           End Addr       Size     Offset  Perms  objfile
      0x555555554000     0x555555555000     0x1000        0x0  r--p   /srv/app/plain.bin
      0x555555555000     0x555555556000     0x1000     0x1000  r-xp   /srv/app/plain.bin
      0x7ffff7dd2000     0x7ffff7dd5000     0x3000        0x0  rw-p
      0x7ffff7dfb000     0x7ffff7f51000   0x156000    0x26000  r-xp   /usr/lib/libc.so.6
      0x7ffffffde000     0x7ffffffff000    0x21000        0x0  rw-p   [stack]
"""
LLDB = """\
* thread #1, name = 'a', stop reason = signal SIGABRT
  * frame #0: 0x00007ffff7e5fe2c libc.so.6`__pthread_kill_implementation + 268
    frame #1: 0x0000555555555147 plain.bin`___lldb_unnamed_symbol58 + 14
    frame #2: 0x0000555555555150 plain.bin`___lldb_unnamed_symbol59$$plain.bin + 9
(lldb) image list
[  0] C9A2F1E0-0123-4567-89AB-CDEF01234567-89ABCDEF 0x0000555555554000 /srv/app/plain.bin
"""
MAPS = """\
#0  0x0000555555555147 in ?? ()
555555555000-555555556000 r-xp 00001000 08:01 1234567      /srv/app/with blank
"""

type Found = tuple[str, str, int]


def found(text: str) -> list[Found]:
    """Return characters, module name and offset of all spans in modules."""
    return [
        (text[span.start : span.end], span.module.name, span.offset)
        for span in address_spans.find_addresses(text)
        if span.module.name
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ASAN,
            [
                ("(/srv/app/asan.bin+0x11e1)", "/srv/app/asan.bin", 0x11E1),
                (
                    "(/srv/app/asan.bin+0x1215) (BuildId: 0011aabbccddeeff)",
                    "/srv/app/asan.bin",
                    0x1215,
                ),
                (
                    "(/lib/x86_64-linux-gnu/libc.so.6+0x27249)",
                    "/lib/x86_64-linux-gnu/libc.so.6",
                    0x27249,
                ),
                ("(/srv/app/asan.bin+0x11e1)", "/srv/app/asan.bin", 0x11E1),
            ],
        ),
        (TSAN, [("<null> <null> (tsan.bin+0x11d9)", "tsan.bin", 0x11D9)]),
        (
            GLIBC,
            [
                ("./program(+0x1189)", "./program", 0x1189),
                ("/opt/lib/libx.so(+0xABC)", "/opt/lib/libx.so", 0xABC),
            ],
        ),
        (
            TOMBSTONE,
            [
                (
                    "/apex/lib64/bionic/libc.so (abort+164)",
                    "/apex/lib64/bionic/libc.so",
                    0x4F4C4,
                ),
                (
                    "/data/app/base.apk!libgame.so (offset 0x2000)",
                    "/data/app/base.apk!libgame.so",
                    0x12345,
                ),
                (
                    "/system/lib64/liba.so (ns::f(int, (x)*)+12)",
                    "/system/lib64/liba.so",
                    0x6A0,
                ),
                ("/system/lib/libb.so", "/system/lib/libb.so", 0x1F3F8),
                ("/system/lib/libb.so (g+1)", "/system/lib/libb.so", 0x1F3FA),
            ],
        ),
        (
            OOPS,
            [
                ("crash_write+0x1a/0x40 [crasher]", "crasher", 0x1A),
                ("__die+0x23/0x70", "vmlinux", 0x23),
                (
                    f"proc_reg_write+0x5a/0xa0 [proc-x {KERNEL_ID}]",
                    "proc-x",
                    0x5A,
                ),
                ("vfs_write.isra.0+0xbc/0x430", "vmlinux", 0xBC),
                ("el0_svc+0x3c/0x40", "vmlinux", 0x3C),
            ],
        ),
        (
            APPLE,
            [
                ("0x104a18000 + 17384", "My Game", 17384),
                ("My Game + 16384", "My Game", 16384),
                ("0x200000000 + 16", "Engine", 16),
                ("0x104a1d000 + 16", "Plugin", 16),
            ],
        ),
        (
            GDB,
            [
                ("?? ()", "/srv/app/plain.bin", 0x1147),
                (
                    "?? () from /usr/lib/x86_64-linux-gnu/libc.so.6",
                    "/usr/lib/libc.so.6",
                    0x2724A,
                ),
            ],
        ),
        (
            LLDB,
            [
                (
                    "plain.bin`___lldb_unnamed_symbol58 + 14",
                    "/srv/app/plain.bin",
                    0x1147,
                ),
                (
                    "plain.bin`___lldb_unnamed_symbol59$$plain.bin + 9",
                    "/srv/app/plain.bin",
                    0x1150,
                ),
            ],
        ),
        (MAPS, [("?? ()", "/srv/app/with blank", 0x1147)]),
    ],
    ids=["asan", "tsan", "glibc", "tombstone", "oops", "apple", "gdb", "lldb", "maps"],
)
def test_finds_resolvable_addresses(text: str, expected: list[Found]) -> None:
    assert found(text) == expected
    assert found(text.replace("\n", "\r\n")) == expected


def test_parses_ids_and_addresses_of_modules() -> None:
    apple = address_spans.find_addresses(APPLE)
    tombstone = address_spans.find_addresses(TOMBSTONE)
    lldb = address_spans.find_addresses(LLDB)
    oops = address_spans.find_addresses(OOPS)

    assert [span.module for span in apple] == [
        CrashModule(
            "My Game", "8bde1d2a44de3acd91f3a4bbf4bd8e7a", 0x104A18000, "arm64"
        ),
        CrashModule(
            "My Game", "8bde1d2a44de3acd91f3a4bbf4bd8e7a", 0x104A18000, "arm64"
        ),
        CrashModule("Engine", None, 0x200000000),
        CrashModule("Plugin", None, 0x104A1D000),
    ]
    assert tombstone[0].module == CrashModule("/apex/lib64/bionic/libc.so", "0a1b")
    assert lldb[0].module.build_id == "c9a2f1e00123456789abcdef0123456789abcdef"
    assert oops[2].module.build_id == KERNEL_ID


@pytest.mark.parametrize(
    ("text", "returns"),
    [
        (ASAN, [False, False, False, False]),
        (GLIBC, [True, True]),
        (TOMBSTONE, [False] * 5),
        (OOPS, [False, True, True, True, False]),
        (APPLE, [False, True, True, True]),
        (GDB, [True, True, True, True]),
        (LLDB, [True, True]),
        (MAPS, [False]),
    ],
)
def test_recognizes_return_addresses(text: str, returns: list[bool]) -> None:
    assert [
        span.is_return_address for span in address_spans.find_addresses(text)
    ] == returns


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        (ASAN, [TextFormat.SANITIZER] * 3 + [TextFormat.SUMMARY]),
        (TSAN, [TextFormat.SANITIZER]),
        (GLIBC, [TextFormat.GLIBC] * 2),
        (TOMBSTONE, [TextFormat.ANDROID] * 5),
        (OOPS, [TextFormat.KERNEL] * 5),
        (APPLE, [TextFormat.APPLE] * 4),
        (GDB, [TextFormat.GDB] * 4),
        (LLDB, [TextFormat.LLDB] * 2),
    ],
)
def test_recognizes_the_format(text: str, formats: list[TextFormat]) -> None:
    assert [span.text_format for span in address_spans.find_addresses(text)] == formats


def test_addresses_outside_all_modules_are_found_too() -> None:
    addresses = [
        (span.module.name, span.offset) for span in address_spans.find_addresses(GDB)
    ][2:]

    assert addresses == [("", 0x71), ("", 0x6666_0000_0000)]


def test_kernel_frames_have_their_function() -> None:
    functions = [span.function for span in address_spans.find_addresses(OOPS)]

    assert functions == [
        "crash_write",
        "__die",
        "proc_reg_write",
        "vfs_write.isra.0",
        "el0_svc",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "An ordinary sentence (with 1+0x1) in it.",
        "#1 0x55 in main (argc=1) at a.c:3",
        "#4  0x0000555555555147 in ?? ()",
        "0x1000 + 16",
        "https://example.com/#1 (a+0x1)",
        "x" * 5000 + " #0 0x1 (a+0x1)",
    ],
)
def test_finds_nothing_in_other_texts(text: str) -> None:
    assert found(text) == []


PIECES = [*re.findall(r"\S+\s*", ASAN + TOMBSTONE + OOPS + APPLE + GDB + LLDB), "\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_spans_are_in_order_and_do_not_overlap(pieces: list[str]) -> None:
    text = "".join(pieces)

    spans = address_spans.find_addresses(text)

    ends = [0, *(span.end for span in spans)]
    assert all(
        end <= span.start < span.end for end, span in zip(ends, spans, strict=False)
    )
    assert max(ends) <= len(text)
    assert all("\n" not in text[span.start : span.end] for span in spans)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "(",
        "0",
        "#0 0x1 (",
        "#0 pc 000000 a (",
        "a b ",
        "0 a ",
        "+0x1",
        "0x1 ",
        "frame #0: 0x1 a",
        "[ 0] A-",
        "0x1 - 0x2 a ",
        "a+0x1/0x1 ",
        "#0 0x1 (a+",
    ],
)
def test_parsing_takes_linear_time(piece: str) -> None:
    line = (piece * 4096)[:4096]
    began = time.process_time()

    address_spans.find_addresses("\n".join([line] * 10))

    # Measured: at most 20 ms; with quadratic time over a second.
    assert time.process_time() - began < 0.5


def test_the_number_of_addresses_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_spans, "MAX_ADDRESSES", 3)

    spans = address_spans.find_addresses("a+0x1/0x2 " * 10)

    assert [type(span) for span in spans] == [AddressSpan] * 3


@pytest.mark.parametrize(
    "start",
    [
        "0x0 0x1 0x1 0x0 /a",
        "0x0 0x1 0x1 0x0 r-xp /a",
        "000000-000001 r-xp 0 0:0 0 /a",
        "[ 0] 0123456789ABCDEF 0x0 a",
    ],
)
def test_runs_of_blanks_in_a_module_list_take_linear_time(start: str) -> None:
    line = f"{start}{' ' * 4000}b"
    began = time.process_time()

    address_spans.find_addresses("\n".join([line] * 10))

    # Measured: 5 ms; with quadratic time 3 s.
    assert time.process_time() - began < 0.5


def test_empty_lines_are_skipped_quickly() -> None:
    text = "\n" * 200_000
    began = time.process_time()

    spans = address_spans.find_addresses(text)

    # Measured: 40 ms; if every line is parsed, over a second.
    assert spans == []
    assert time.process_time() - began < 0.5
