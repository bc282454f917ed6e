"""The command retrace."""

import io
import json
from pathlib import Path

import pytest
from tests.factories import a_project
from tests.protocols.symbolicator.jvm_payloads import MAPPING_ID, a_mapping_of
from tests.server.command_line import CommandResult, RunCommand

from symdepot.debugfiles import mapping_candidates

pytestmark = pytest.mark.django_db

OTHER_ID = "11111111-2222-4333-8444-555555555555"
MAPPING = """\
# compiler: R8
# pg_map_id: 5b46fdcabc
com.example.Game -> a.a:
    5:5:void com.example.Inner.leaf():100:100 -> c
    5:5:void run():20 -> c
com.example.GameOver -> a.b:
"""
OTHER = "com.example.Other -> a.b:\n"
TRACE = "a.b: over\n\tat a.a.c(SourceFile:5)\n"
RETRACED = """\
com.example.GameOver: over
\tat com.example.Inner.leaf(Inner.java:100)
\tat com.example.Game.run(Game.java:20)
"""
COMMAND = ("retrace", "acme/game")


def write_trace(folder: Path, text: str) -> str:
    path = folder / "trace.txt"
    path.write_text(text)
    return str(path)


def error_line(result: CommandResult) -> str:
    """Return the error message without its box."""
    words = (word for word in result.err.split() if word not in "│╭╮╰╯─")
    return " ".join(words).replace("- ", "-")


def test_a_file_is_printed_retraced(symdepot: RunCommand, tmp_path: Path) -> None:
    a_mapping_of(a_project(), MAPPING)

    assert symdepot(*COMMAND, write_trace(tmp_path, TRACE)) == CommandResult(
        0, RETRACED, ""
    )


def test_bytes_that_are_not_utf8_are_unchanged(
    symdepot: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_mapping_of(a_project(), MAPPING)
    content = TRACE.encode() + "ü\r\n".encode("latin-1")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, write_through=True))

    symdepot(*COMMAND)

    assert written.getvalue() == RETRACED.encode() + b"\xfc\r\n"


@pytest.mark.parametrize(
    "hint",
    [
        MAPPING_ID,
        MAPPING_ID.upper(),
        MAPPING_ID.replace("-", ""),
        "\tat a.a.x(r8-map-id-5b46fdcabc:1)",
    ],
)
def test_the_mapping_is_found_by_the_id_in_the_text(
    symdepot: RunCommand, tmp_path: Path, hint: str
) -> None:
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    a_mapping_of(a_project(), MAPPING)
    a_mapping_of(a_project("another"), OTHER, OTHER_ID)

    result = symdepot(*COMMAND, write_trace(tmp_path, f"{TRACE}{hint}\n"))

    assert (result.status, result.out[: len(RETRACED)]) == (0, RETRACED)


def test_the_mapping_is_chosen_by_uuid(symdepot: RunCommand, tmp_path: Path) -> None:
    a_mapping_of(a_project(), MAPPING)
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    text = write_trace(tmp_path, f"a.b: see {MAPPING_ID}")

    result = symdepot(*COMMAND, text, "--uuid", OTHER_ID)
    unknown = symdepot(*COMMAND, text, "--uuid", OTHER_ID.replace("1", "2"))
    no_id = symdepot(*COMMAND, text, "--uuid", "mine")

    assert result == CommandResult(0, f"com.example.Other: see {MAPPING_ID}", "")
    assert (unknown.status, no_id.status) == (1, 2)
    assert "no debug file '22222222-" in unknown.err
    assert "'mine' is no id of a mapping" in error_line(no_id)


def test_an_ambiguous_mapping_is_refused_with_the_candidates(
    symdepot: RunCommand, tmp_path: Path
) -> None:
    text = write_trace(tmp_path, TRACE)
    a_project()

    none = symdepot(*COMMAND, text)
    a_mapping_of(a_project(), MAPPING)
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    both = symdepot(*COMMAND, text)

    assert (none.status, both.status) == (2, 2)
    assert "acme/game has no mapping" in error_line(none)
    assert "--uuid" in both.err
    assert MAPPING_ID in error_line(both)
    assert OTHER_ID in error_line(both)


def test_the_result_is_printed_as_json(symdepot: RunCommand, tmp_path: Path) -> None:
    a_mapping_of(a_project(), MAPPING)

    result = symdepot(*COMMAND, write_trace(tmp_path, TRACE), "--json")

    assert json.loads(result.out) == {
        "mapping": MAPPING_ID,
        "frames_found": 1,
        "text": RETRACED,
    }


def test_an_old_mapping_is_found_by_the_id_in_the_text(
    symdepot: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping_candidates, "MAX_CANDIDATES", 2)
    a_mapping_of(a_project(), MAPPING)
    for number in range(3):
        a_mapping_of(a_project(), OTHER, f"{number}{OTHER_ID[1:]}")

    result = symdepot(*COMMAND, write_trace(tmp_path, f"{MAPPING_ID}\n{TRACE}"))

    assert result == CommandResult(0, f"{MAPPING_ID}\n{RETRACED}", "")
