"""What is typed to have a stack trace retraced, and what comes back."""

import io
import json
from pathlib import Path

import pytest
from tests.factories import a_project
from tests.protocols.symbolicator.retracing import MAPPING_ID, a_mapping_of
from tests.rooms.server.command_line import CommandResult, RunCommand

from symdepot.debugfiles import proguard_mappings

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
WORDS = ("retrace", "acme/game")


def kept(folder: Path, text: str) -> str:
    path = folder / "trace.txt"
    path.write_text(text)
    return str(path)


def said_in_one_line(said: CommandResult) -> str:
    """Return what was said in a box for people."""
    words = (word for word in said.err.split() if word not in "│╭╮╰╯─")
    return " ".join(words).replace("- ", "-")


def test_a_file_comes_back_retraced(symdepot: RunCommand, tmp_path: Path) -> None:
    a_mapping_of(a_project(), MAPPING)

    assert symdepot(*WORDS, kept(tmp_path, TRACE)) == CommandResult(0, RETRACED, "")


def test_what_is_no_text_comes_through_a_pipe_as_it_was(
    symdepot: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_mapping_of(a_project(), MAPPING)
    content = TRACE.encode() + "ü\r\n".encode("latin-1")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, write_through=True))

    symdepot(*WORDS)

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
def test_the_mapping_is_the_one_that_the_text_names(
    symdepot: RunCommand, tmp_path: Path, hint: str
) -> None:
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    a_mapping_of(a_project(), MAPPING)
    a_mapping_of(a_project("another"), OTHER, OTHER_ID)

    said = symdepot(*WORDS, kept(tmp_path, f"{TRACE}{hint}\n"))

    assert (said.status, said.out[: len(RETRACED)]) == (0, RETRACED)


def test_the_mapping_can_be_said(symdepot: RunCommand, tmp_path: Path) -> None:
    a_mapping_of(a_project(), MAPPING)
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    text = kept(tmp_path, f"a.b: see {MAPPING_ID}")

    said = symdepot(*WORDS, text, "--uuid", OTHER_ID)
    unknown = symdepot(*WORDS, text, "--uuid", OTHER_ID.replace("1", "2"))
    no_id = symdepot(*WORDS, text, "--uuid", "mine")

    assert said == CommandResult(0, f"com.example.Other: see {MAPPING_ID}", "")
    assert (unknown.status, no_id.status) == (1, 2)
    assert "no debug file '22222222-" in unknown.err
    assert "'mine' is no id of a mapping" in said_in_one_line(no_id)


def test_a_choice_is_left_to_whoever_asks(symdepot: RunCommand, tmp_path: Path) -> None:
    text = kept(tmp_path, TRACE)
    a_project()

    none = symdepot(*WORDS, text)
    a_mapping_of(a_project(), MAPPING)
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    both = symdepot(*WORDS, text)

    assert (none.status, both.status) == (2, 2)
    assert "acme/game has no mapping" in said_in_one_line(none)
    assert "--uuid" in both.err
    assert MAPPING_ID in said_in_one_line(both)
    assert OTHER_ID in said_in_one_line(both)


def test_what_was_found_can_be_had_as_json(
    symdepot: RunCommand, tmp_path: Path
) -> None:
    a_mapping_of(a_project(), MAPPING)

    said = symdepot(*WORDS, kept(tmp_path, TRACE), "--json")

    assert json.loads(said.out) == {
        "mapping": MAPPING_ID,
        "frames_found": 1,
        "text": RETRACED,
    }


def test_an_old_mapping_is_found_by_the_id_in_the_text_however_many_are_newer(
    symdepot: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proguard_mappings, "MAX_CANDIDATES", 2)
    a_mapping_of(a_project(), MAPPING)
    for number in range(3):
        a_mapping_of(a_project(), OTHER, f"{number}{OTHER_ID[1:]}")

    said = symdepot(*WORDS, kept(tmp_path, f"{MAPPING_ID}\n{TRACE}"))

    assert said == CommandResult(0, f"{MAPPING_ID}\n{RETRACED}", "")
