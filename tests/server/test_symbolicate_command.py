"""The command symbolicate."""

import io
import json
from pathlib import Path

import pytest
from pytest_django import Settings
from tests.factories import a_client, a_debug_file, a_project, upload
from tests.fixtures import compiled
from tests.protocols.symbolicator.payloads import BREAKPAD_ID, DEBUG_ID, INLINED
from tests.server.command_line import CommandResult, RunCommand

from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format

pytestmark = pytest.mark.django_db

COMMAND = ("symbolicate", "--project", "acme/game")
OTHER = "00000000" + DEBUG_ID[8:]
PROGRAM = """\
static inline int twice(volatile int *x) { return *x + *x; }
int main(int count, char **words) { volatile int x = count; return twice(&x); }
"""
LARGE = """\
int small(void) { return 1; }
void large(void) { __asm__(".skip 0x20000, 0x90"); }
int main(void) { large(); return small(); }
"""
LOAD_ADDRESS = 0x40_0000
"""That of GNU ld without PIE, on x86-64."""


@pytest.fixture(autouse=True)
def hello(settings: Settings) -> None:
    settings.SYMCACHES = True
    a_project()
    upload(a_client(), INLINED.encode())


@pytest.mark.parametrize("text_id", [DEBUG_ID, BREAKPAD_ID])
def test_addresses_are_printed_with_inlined_functions(
    symdepot: RunCommand, text_id: str
) -> None:
    result = symdepot(*COMMAND, "--debug-id", text_id, "0x1012", "1006", "9000")

    assert result == CommandResult(
        0,
        "0x1012 twice(int) at /src/twice.h:3\n"
        "       inlined into main at /src/hello.c:8\n"
        "0x1006 main at /src/hello.c:7\n"
        "0x9000 ??\n",
        "",
    )


def test_addresses_are_printed_as_json(symdepot: RunCommand) -> None:
    result = symdepot(*COMMAND, "--debug-id", DEBUG_ID, "--json", "1006", "9000")

    assert [json.loads(line) for line in result.out.splitlines()] == [
        {
            "address": "0x1006",
            "frames": [
                {
                    "function": "main",
                    "symbol": "main",
                    "file": "/src/hello.c",
                    "line": 7,
                }
            ],
        },
        {"address": "0x9000", "frames": []},
    ]


def test_the_module_can_be_a_stripped_program(
    symdepot: RunCommand, tmp_path: Path
) -> None:
    program = compiled.elf_program(tmp_path, source=PROGRAM)
    upload(a_client(), compiled.debug_companion(program).read_bytes(), name="hello")
    main = compiled.start_of("main", program)

    result = symdepot(
        *COMMAND, "--module", str(compiled.stripped(program)), hex(main), hex(main)
    )

    assert result.status == 0
    assert result.out.count(" main at ") == 2


def test_addresses_of_a_program_without_pie_are_those_of_nm(
    symdepot: RunCommand, tmp_path: Path
) -> None:
    program = compiled.elf_program(tmp_path, source=PROGRAM, options="-no-pie")
    upload(a_client(), program.read_bytes(), name="hello")
    main = compiled.start_of("main", program)
    addresses = hex(main), hex(main - LOAD_ADDRESS), hex(LOAD_ADDRESS + 0x900_0000)

    result = symdepot(*COMMAND, "--module", str(program), *addresses)

    lines = result.out.splitlines()
    assert [line.split(" at ")[0] for line in lines] == [
        *(f"{at} main" for at in addresses[:2]),
        f"{addresses[2]} ??",
    ]
    assert result.err == (
        f"Taken as absolute, since the module is linked at 0x400000: {addresses[0]}.\n"
    )


def test_an_address_that_may_be_relative_or_absolute_is_taken_as_relative(
    symdepot: RunCommand, tmp_path: Path
) -> None:
    """As in a program that is larger than its load address."""
    options = "-no-pie -Wl,-Ttext-segment=0x10000"
    program = compiled.elf_program(tmp_path, source=LARGE, options=options)
    upload(a_client(), program.read_bytes(), name="large")
    large = compiled.start_of("large", program)
    address = hex(large)

    result = symdepot(*COMMAND, "--module", str(program), address)

    assert result.out.startswith(f"{address} large at ")
    assert result.err == (
        f"Taken as relative to the module, though it is linked at 0x10000: {address}.\n"
    )


def test_40_digits_are_a_build_id(symdepot: RunCommand) -> None:
    build_id = "0123456789abcdef" * 2 + "01234567"
    DebugFile.objects.update(code_id=build_id, file_format="elf")

    assert symdepot(*COMMAND, "--debug-id", build_id, "1006").status == 0
    assert symdepot(*COMMAND, "--debug-id", "f" * 40, "1006").status == 1
    assert WantedId.objects.get().code_id == "f" * 40


def test_a_code_id_of_windows_finds_the_debug_file_of_the_program(
    symdepot: RunCommand,
) -> None:
    a_debug_file(
        a_project(),
        debug_id=DebugId.parse(DEBUG_ID),
        code_id=CodeId("0abcdef15000"),
        format=Format.PE,
        features=frozenset(),
    )

    assert symdepot(*COMMAND, "--debug-id", "0ABCDEF15000", "1006").status == 0


def test_a_missing_module_is_recorded_and_near_misses_printed(
    symdepot: RunCommand,
) -> None:
    a_debug_file(a_project(), debug_id=DebugId.parse(f"{OTHER}-2"))

    result = symdepot(*COMMAND, "--debug-id", OTHER, "1006")

    assert (result.status, result.out) == (1, "0x1006 ??\n")
    assert result.err.startswith("No symbols: the module is missing.\n")
    assert "age 2" in result.err
    assert WantedId.objects.get().debug_id == OTHER


def test_a_text_is_printed_with_its_addresses_resolved(
    symdepot: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_id = "1" * 40
    text = (
        "Something went wrong:\n"
        f"    #0 0x7f0000001012  (/opt/hello+0x1012) (BuildId: {build_id})\n"
        f"    #1 0x7f0000009000  (/opt/gone+0x9000) (BuildId: {'2' * 40})\n"
    )
    DebugFile.objects.update(code_id=build_id, file_format="elf")

    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    result = symdepot(*COMMAND)

    first, second, third = result.out.splitlines()[0], *result.out.splitlines()[-2:]
    assert result.status == 0
    assert first == "Something went wrong:"
    assert "main" in second
    assert "/src/hello.c:8" in second
    assert third == text.splitlines()[-1]
    assert result.err.startswith("Line 3: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("1006",), "choose a module"),
        (("--debug-id", DEBUG_ID, "--module", "x", "1006"), "one module only"),
        (("--debug-id", "what", "1006"), "is no debug id"),
        (("--module", "/nowhere", "1006"), "there is no file"),
        (("--debug-id", DEBUG_ID), "no addresses"),
        (("--debug-id", DEBUG_ID, "main"), "is no address in hex"),
        (("--debug-id", DEBUG_ID, "1" * 17), "beyond all addresses"),
    ],
)
def test_wrong_arguments_are_refused(
    symdepot: RunCommand,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    result = symdepot(*COMMAND, *words)

    assert result.status == 2
    assert message in result.err.replace("\n", " ")
