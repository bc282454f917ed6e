"""Addresses in pasted text are resolved or explained."""

import re
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_project, upload
from tests.symcache_files import CONVERT_ERROR, an_unreadable_pdb
from tests.task_queues import HeldQueue

from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.crash_text import address_spans
from symdepot.projects.models import Project
from symdepot.symbolication import pasted_text, text_modules
from symdepot.symbolication.pasted_text import ResolvedText

pytestmark = pytest.mark.django_db

BREAKPAD = "C0BCC3F19827FE653058404B2831D9E60"
"""The debug id of the ELF file of this build id."""
BUILD_ID = "f1c3bcc0279865fe3058404b2831d9e64135386c"
RECORDS = (
    "FILE 0 /src/a.c",
    "FUNC 1000 40 0 main",
    "1000 20 5 0",
    "1020 20 6 0",
    "FUNC 2000 10 0 helper",
    "2000 10 9 0",
)


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    return a_project()


def sent(
    name: str = "game.sym", breakpad_id: str = "", arch: str = "x86_64", line: int = 5
) -> DebugFile:
    """Upload a file whose `main` begins in this line."""
    records = [record.replace(" 5 0", f" {line} 0") for record in RECORDS]
    content = a_breakpad_file(
        breakpad_id or f"{uuid4().hex.upper()}0", arch=arch, records=records
    )
    standing = upload(a_client(), content, name=name)
    return DebugFile.objects.get(pk=standing["dif"]["id"])


def resolved(text: str) -> ResolvedText:
    return pasted_text.resolve_text(a_project(), text, by="a test")


def reasons(text: str) -> list[str]:
    return [one.reason for one in resolved(text).unresolved]


def test_a_module_is_found_by_build_id_regardless_of_its_name() -> None:
    sent(breakpad_id=BREAKPAD)
    sent("libother.so.sym")

    answer = resolved(f"  #00 pc 00001004  /x/libother.so (BuildId: {BUILD_ID})")

    assert answer == ResolvedText(
        f"  #00 pc 00001004  /x/libother.so (main+4) /src/a.c:5 (BuildId: {BUILD_ID})",
        1,
        [],
        [],
    )


def test_a_module_without_an_id_is_the_newest_of_its_name_with_a_note() -> None:
    for line in (1, 2, 3):
        newest = sent("libgame.so.debug", line=line)
    sent("libgame.so.1", line=4)

    answer = resolved("  #00 pc 00001004  /data/app/base.apk!libgame.so")

    assert "libgame.so (main+4) /src/a.c:3" in answer.text
    assert answer.notes == [
        (
            "The text tells no id of /data/app/base.apk!libgame.so; 2 other debug files "
            f"of this name are here, of which the newest was taken: {newest}, "
            f"of {newest.created_at:%Y-%m-%d}."
        )
    ]


def test_a_unique_name_needs_no_note() -> None:
    sent("game.sym")

    answer = resolved("./GAME(+0x1021) [0x7f0000001021]")

    assert answer == ResolvedText(
        "./GAME(main+0x21) at /src/a.c:6 [0x7f0000001021]", 1, [], []
    )


def test_the_line_of_a_caller_is_the_line_of_the_call() -> None:
    sent("game.sym")

    answer = resolved("./game(+0x1020) [0x7f0000001020]")

    assert "game(main+0x20) at /src/a.c:5" in answer.text


def test_images_of_apple_reports_are_found_by_uuid() -> None:
    sent("My Game", f"{BUILD_ID[:32].upper()}0", "arm64")
    text = (
        "0   My Game   0x0000000104a19004 0x104a18000 + 4100\n"
        "1   My Game   0x0000000104a19020 0x104a18000 + 4128\n"
        "Binary Images:\n0x104a18000 - 0x104a23fff My Game arm64 "
        f"<{BUILD_ID[:32]}> /A/My Game\n"
    )

    answer = resolved(text)

    assert answer.text == text.replace(
        "0x104a18000 + 4100", "main + 4 (a.c:5)"
    ).replace("0x104a18000 + 4128", "main + 32 (a.c:5)")


def test_a_kernel_function_is_found_by_name() -> None:
    sent("vmlinux-6.1.0-18-amd64", line=3)
    sent("vmlinux", line=4)
    text = (
        "CPU: 0 PID: 1 Comm: sh Tainted: G OE {} #1 Debian\n"
        "RIP: 0010:main+0x1/0x40\n ? helper+0x8/0x10\n helper.isra.0+0x10/0x10\n"
    )

    old = resolved(text.format("6.1.0-18-amd64"))
    other = resolved(text.format("6.1.0-19-amd64"))

    assert old.text.splitlines()[1:] == [
        "RIP: 0010:main+0x1/0x40 (/src/a.c:3)",
        " ? helper+0x8/0x10 (/src/a.c:9)",
        " helper.isra.0+0x10/0x10 (/src/a.c:9)",
    ]
    assert "main+0x1/0x40 (/src/a.c:4)" in other.text
    assert (old.resolved, other.resolved) == (3, 3)


def test_an_offset_beyond_the_function_is_not_resolved() -> None:
    row = sent("vmlinux")

    answer = resolved("f+0x1/0x2\nmain+0x41/0x90\nmain.cold+0x1/0x2\n")

    assert [(one.line, one.text, one.module) for one in answer.unresolved] == [
        (1, "f+0x1/0x2", "vmlinux"),
        (2, "main+0x41/0x90", "vmlinux"),
        (3, "main.cold+0x1/0x2", "vmlinux"),
    ]
    assert [one.reason for one in answer.unresolved] == [
        f"{row} knows no function 'f' that is so long.",
        f"{row} knows no function 'main' that is so long.",
        (
            "'main.cold' is a part of a function that lies elsewhere, "
            "and symcaches do not tell where it begins."
        ),
    ]


def test_an_ambiguous_function_name_is_not_resolved() -> None:
    records = ["FUNC 10 10 0 f", "FUNC 40 20 0 f", "FUNC 80 10 0 g"]
    upload(a_client(), a_breakpad_file(records=records), name="vmlinux")
    row = DebugFile.objects.get()

    answer = resolved("f+0x8/0x10\nRIP: f+0x18/0x20")

    assert [one.reason for one in answer.unresolved] == [
        f"{row} has several functions 'f', and the text does not tell which it was.",
        "Nothing more is known of it than what stands there.",
    ]


def test_a_missing_module_is_explained_with_near_misses() -> None:
    other = sent("game.sym")
    nothing = f"  #00 pc 00001004  /x/game (BuildId: {BUILD_ID})"

    (by_id,) = reasons(nothing)
    (by_name,) = reasons("./missing(+0x1) [0x1]")
    untold = reasons("#4  0x0000555555555147 in ?? ()")

    assert by_id == (
        f"No debug file of id {BUILD_ID} that names functions is here. "
        f"game (breakpad, x86_64) of {other.created_at:%Y-%m-%d} has another id: debug id {other.debug_id}."
    )
    assert by_name == (
        "The text tells no id of it, and no debug file of this name is here."
    )
    assert untold == ["The text does not tell which module lies at this address."]
    assert [(row.code_id, row.name) for row in WantedId.objects.all()] == [
        (BUILD_ID, "game")
    ]


def test_an_address_between_functions_is_not_resolved() -> None:
    row = sent("game.sym")

    assert reasons("./game(+0x1900) [0x1]") == [
        f"{row} knows no function at this address."
    ]


def test_a_failed_symcache_is_explained() -> None:
    standing = upload(a_client(), an_unreadable_pdb(), name="game.pdb")
    assert standing["state"] == "ok"

    (reason,) = reasons("./game.exe(+0x1900) [0x1]")

    assert reason.startswith(f"No symcache could be made of it: {CONVERT_ERROR}")


def test_an_unfinished_symcache_is_explained(
    held_queue: HeldQueue,
) -> None:
    content = a_breakpad_file(records=RECORDS)
    upload(a_client(), content, name="game.sym")
    held_queue.work()

    (reason,) = reasons("./game(+0x1004) [0x1]")

    assert "not made yet; ask again in a moment" in reason


def test_modules_above_the_limit_are_not_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_modules, "MAX_MODULES", 2)
    sent("c.sym")

    told = reasons("a(+0x1004) [0x1]\nb(+0x1004) [0x1]\nc(+0x1004) [0x1]\n")

    assert len(told) == 3
    assert told[2].startswith("Only the first")


def test_the_result_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pasted_text, "MAX_ADDED_CHARACTERS", 70)
    monkeypatch.setattr(pasted_text, "MAX_UNRESOLVED", 1)
    monkeypatch.setattr(address_spans, "MAX_ADDRESSES", 4)
    sent("game.sym")

    answer = resolved("./game(+0x1004) [0x1]\n" * 5)

    assert answer.resolved == 2
    assert answer.text.count("main") == 2
    assert [(one.line, one.reason) for one in answer.unresolved] == [
        (3, "The answer would be too long.")
    ]
    assert answer.notes == [
        "2 addresses stayed; the first 1 are listed.",
        "Only the first 4 addresses were looked at.",
    ]


PIECES = [
    "  #00 pc 00001004  /x/game (BuildId: ab12)\n",
    "  #01 pc 00001024  /x/game\r\n",
    "./game(+0x1004) [0x1] ",
    "main+0x4/0x40 ",
    "main+0xffffffffffffffff/0x40 ",
    "RIP: 0010:",
    "SUMMARY: AddressSanitizer: x (game+0x1004)",
    "    #0 0x1  (game+0x1004)\n",
    "#4  0x1147 in ?? ()\n",
    "0   game  0x104a19004 0x104a18000 + 4100\n",
    "Not tainted 6.1.0 #1",
    "\n",
]


def test_text_outside_addresses_is_unchanged() -> None:
    sent("game.sym")
    sent("vmlinux")

    @given(st.lists(st.sampled_from(PIECES) | st.text(), max_size=20))
    def check(pieces: list[str]) -> None:
        text = "".join(pieces)
        spots = address_spans.find_addresses(text)

        answer = resolved(text)

        ends = [0, *(spot.end for spot in spots)]
        starts = [*(spot.start for spot in spots), len(text)]
        between = [text[a:b] for a, b in zip(ends, starts, strict=True)]
        assert re.fullmatch(".*?".join(map(re.escape, between)), answer.text, re.DOTALL)
        assert answer.resolved + len(answer.unresolved) == len(spots)
        assert answer.resolved or answer.text == text

    check()
