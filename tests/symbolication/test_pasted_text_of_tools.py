"""Output of real tools is resolved."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings
from tests import environment
from tests.factories import a_client, a_project, upload
from tests.fixtures import compiled
from tests.fixtures.command_output import output_of

from symdepot.symbolication import pasted_text
from symdepot.symbolication.pasted_text import ResolvedText

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

INLINED = """\
#include <stdlib.h>
#include <execinfo.h>
static inline __attribute__((always_inline)) void leap(int n) {
    STUMBLE
}
__attribute__((noinline)) static void walk(int n) {
    leap(n);
    __asm__ volatile("");
}
int main(int count, char **words) {
    walk(count);
    return words == 0;
}
"""
"""`leap` is inlined into `walk`, in line 7; `main` calls that in line 11."""
KERNEL = """\
static inline __attribute__((always_inline)) void poke(int *at) {
    *(volatile int *)at = 1;
}
__attribute__((noinline)) int crash_write(int *at, int n) {
    if (n > 3)
        poke(at + n);
    return *at;
}
int _start(int n) {
    return crash_write(0, n) + 1;
}
"""
"""A kernel is linked at the end of all addresses; it has the names of its functions."""
RACE = """\
#include <pthread.h>
int shared;
static void *bump(void *nothing) {
    shared++;
    return nothing;
}
int main(void) {
    pthread_t one, other;
    pthread_create(&one, 0, bump, 0);
    pthread_create(&other, 0, bump, 0);
    pthread_join(one, 0);
    pthread_join(other, 0);
}
"""


INTERRUPTED = """
#include <signal.h>
#include <stdlib.h>
void other(void) { abort(); }
void stumble(volatile int *p) { *p = 1; }
void stop(int signal) { abort(); }
int main(void) {
    signal(SIGSEGV, stop);
    stumble(0);
    other();
}
"""
"""Stumbles at the first instruction of a function, so that one before is another's."""


@pytest.fixture(autouse=True)
def symcaches_are_made(settings: Settings) -> None:
    settings.SYMCACHES = True
    settings.MAX_REQUEST_SIZE = 64 << 20


@pytest.fixture
def crash(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a stripped program, whose debug information has been uploaded."""

    def compile_and_upload(source: str, options: str) -> Path:
        program = compiled.elf_program(tmp_path, "crash", source, options=options)
        companion = compiled.debug_companion(program)
        bare = compiled.stripped(program)
        a_project()
        standing = upload(a_client(), companion.read_bytes(), name="crash.debug")
        assert standing["state"] == "ok"
        companion.unlink()
        return bare.rename(program)

    return compile_and_upload


def resolved(text: str) -> ResolvedText:
    return pasted_text.resolve_text(a_project(), text, by="a test")


def stumbling(how: str) -> str:
    return INLINED.replace("STUMBLE", how)


def test_a_backtrace_of_gdb_without_symbols_is_resolved(
    crash: Callable[[str, str], Path],
) -> None:
    gdb = shutil.which("gdb") or environment.require_or_skip(
        "gdb", "it is not installed"
    )
    program = crash(stumbling("if (n) abort();"), "")
    commands = ("set width 0", "run", "bt", "info proc mappings")
    words = (word for command in commands for word in ("-ex", command))
    session = output_of(gdb, "-batch", "-nx", *words, program)

    answer = resolved(session)

    frames = re.findall(
        r"^#\d+  0x\w+ in ((?:leap|walk|main) .*)$", answer.text, re.MULTILINE
    )
    assert frames == [
        "leap () at <stdin>:4 [inlined]",
        "walk () at <stdin>:7",
        "main () at <stdin>:11",
    ]
    untouched = [line for line in session.splitlines() if "?? ()" not in line]
    assert [one for one in answer.text.splitlines() if one in untouched] == untouched


def test_the_frame_below_a_signal_handler_is_not_adjusted(
    crash: Callable[[str, str], Path],
) -> None:
    gdb = shutil.which("gdb") or environment.require_or_skip(
        "gdb", "it is not installed"
    )
    program = crash(INTERRUPTED, "-fno-inline -fno-ipa-pure-const")
    passed_on = "handle SIGSEGV nostop noprint pass"
    commands = ("set width 0", passed_on, "run", "bt", "info proc mappings")
    words = (word for command in commands for word in ("-ex", command))

    answer = resolved(output_of(gdb, "-batch", "-nx", *words, program))

    frames = re.findall(
        r"^#\d+ .*?(<signal.*|\w+ \(\) at <stdin>.*)$", answer.text, re.MULTILINE
    )
    assert frames == [
        "stop () at <stdin>:6",
        "<signal handler called>",
        "stumble () at <stdin>:5",
        "main () at <stdin>:9",
    ]


@pytest.mark.parametrize(("kind", "begins"), [("-pie", 0), ("-no-pie", 0x40_0000)])
def test_a_report_of_the_address_sanitizer_is_resolved(
    crash: Callable[[str, str], Path], kind: str, begins: int
) -> None:
    how = "volatile char *p = malloc(8); p[39 + n] = 1;"
    program = crash(stumbling(how), f"{kind} -fsanitize=address")
    report = output_of(program, ASAN_OPTIONS="symbolize=0:detect_leaks=0")
    offsets = re.findall(r"/crash\+(0x\w+)\)", report)
    assert begins <= int(offsets[0], 16) < begins + 0x10_0000

    answer = resolved(report)

    frames = re.findall(r"#(\d) 0x\w+  (in .*)$", answer.text, re.MULTILINE)
    assert frames[:3] == [
        ("0", "in leap <stdin>:4 [inlined]"),
        ("0", "in walk <stdin>:7"),
        ("1", "in main <stdin>:11"),
    ]
    summary = "SUMMARY: AddressSanitizer: heap-buffer-overflow <stdin>:4 in leap"
    assert summary in answer.text
    libc = next(one for one in answer.unresolved if "libc.so.6" in one.module)
    assert libc.text in report.splitlines()[libc.line - 1]
    assert libc.reason == (
        "The text tells no id of it, and no debug file of this name is here."
    )


def test_an_oops_of_a_kernel_is_resolved(tmp_path: Path) -> None:
    kind = "-nostdlib -static -no-pie -fno-pic -mcmodel=kernel"
    at = f"{kind} -Wl,-Ttext-segment=0xffffffff81000000"
    vmlinux = compiled.elf_program(tmp_path, "vmlinux", KERNEL, options=at)
    a_project()
    upload(a_client(), vmlinux.read_bytes(), name="vmlinux")
    begins = compiled.start_of("crash_write", vmlinux)
    ends = compiled.start_of("_start", vmlinux)
    size = ends - begins
    oops = [f"RIP: 0010:crash_write+{n:#x}/{size:#x}" for n in range(size)]

    answer = resolved("\n".join(oops))

    said = output_of(
        "llvm-symbolizer-19", f"--obj={vmlinux}", *map(hex, range(begins, ends))
    )
    blocks = [block.splitlines()[1::2] for block in said.strip().split("\n\n")]
    files = [[line.rpartition("/")[2] for line in block] for block in blocks]
    places = [" ".join(line.rpartition(":")[0] for line in block) for block in files]
    assert answer.text.splitlines() == [
        f"{line} ({place})" for line, place in zip(oops, places, strict=True)
    ]
    assert any("<stdin>:2 <stdin>:6" in line for line in answer.text.splitlines())


def test_a_report_of_the_thread_sanitizer_is_resolved(
    crash: Callable[[str, str], Path],
) -> None:
    program = crash(RACE, "-fsanitize=thread -pthread")
    report = output_of("setarch", "-R", program, TSAN_OPTIONS="symbolize=0")
    if "unexpected memory mapping" in report:
        environment.require_or_skip("ThreadSanitizer", "it does not run here")

    answer = resolved(report)

    frames = re.findall(r"#\d (.*) \(crash\+0x\w+\)", answer.text)
    assert frames[0] == "bump <stdin>:4"
    assert {"main <stdin>:9", "main <stdin>:10"} <= set(frames)
    assert "data race <stdin>:4 in bump" in answer.text


def test_a_report_of_the_undefined_behaviour_sanitizer_is_resolved(
    crash: Callable[[str, str], Path],
) -> None:
    program = crash(
        stumbling("volatile int m = 2147483647; m += n;"), "-fsanitize=undefined"
    )
    report = output_of(program, UBSAN_OPTIONS="symbolize=0:print_stacktrace=1")

    answer = resolved(report)

    frames = re.findall(r"#\d 0x\w+  (in .*)$", answer.text, re.MULTILINE)
    assert frames[:3] == [
        "in leap <stdin>:4 [inlined]",
        "in walk <stdin>:7",
        "in main <stdin>:11",
    ]


def test_a_backtrace_of_glibc_is_resolved(crash: Callable[[str, str], Path]) -> None:
    how = "void *at[9]; backtrace_symbols_fd(at, backtrace(at, 9), 1);"
    program = crash(stumbling(how), "")
    backtrace = output_of(program)

    answer = resolved(backtrace)

    lines = [re.sub(r"\+0x\w+", "+0xN", line) for line in answer.text.splitlines()]
    assert [line.partition("[0x")[0] for line in lines[:3]] == [
        f"{program}(leap) at <stdin>:4 [inlined]",
        f"{program}(walk+0xN) at <stdin>:7",
        f"{program}(main+0xN) at <stdin>:11",
    ]
