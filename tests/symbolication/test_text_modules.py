"""Modules without an id are found by name."""

from uuid import uuid4

import pytest
from pytest_django import Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    upload,
)

from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.ids import DebugId
from symdepot.projects.models import Project
from symdepot.symbolication import pasted_text

pytestmark = pytest.mark.django_db

SPOT = "./game(+0x1004) [0x7f0000001004]"


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    return a_project()


def sent(name: str, records: list[str]) -> DebugFile:
    content = a_breakpad_file(f"{uuid4().hex.upper()}0", records=records)
    standing = upload(a_client(), content, name=name)
    return DebugFile.objects.get(pk=standing["dif"]["id"])


def test_a_program_without_symbols_leads_to_the_symbols_of_its_id(
    project: Project,
) -> None:
    kept_apart = sent("5c82196e.debug", ["FUNC 1000 40 0 main", "1000 40 5 0"])
    debug_id = DebugId.parse(kept_apart.debug_id)
    a_debug_file(project, name="game", debug_id=debug_id, features={"unwind"})

    answer = pasted_text.resolve_text(project, SPOT, by="a test")

    assert answer.text == "./game(main+0x4) [0x7f0000001004]"


def test_missing_symbols_of_a_program_are_explained_and_recorded(
    project: Project,
) -> None:
    row = a_debug_file(project, name="game", kind="exe", features={"unwind"})

    (unresolved,) = pasted_text.resolve_text(project, SPOT, by="a test").unresolved

    assert unresolved.reason == (
        f"No debug file of id {row.debug_id} that names functions is here. "
        "game (elf, x86_64) is here under this id, without debug information: "
        "it holds a program and unwind information."
    )
    assert [one.debug_id for one in WantedId.objects.all()] == [row.debug_id]


def test_a_newer_file_without_lines_is_noted(project: Project) -> None:
    taken = sent("game.debug", ["FILE 0 /a.c", "FUNC 1000 40 0 main", "1000 40 5 0"])
    a_debug_file(project, name="game", features={"symtab"})

    answer = pasted_text.resolve_text(project, SPOT, by="a test")

    assert answer.text == "./game(main+0x4) at /a.c:5 [0x7f0000001004]"
    assert answer.notes == [
        (
            "The text tells no id of ./game; 1 other debug files of this name are here, "
            f"of which the newest that tells lines was taken: {taken}, "
            f"of {taken.created_at:%Y-%m-%d}."
        )
    ]
