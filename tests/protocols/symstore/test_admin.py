"""000Admin: numbers, transactions and history of the log."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from tests.factories import Answer, a_client, a_debug_file, a_project

from symdepot.debugfiles import symstore_log
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Organization, Project
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

FOUNDED = datetime(2026, 11, 20, 8, 17, tzinfo=UTC)
BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
MACHO_ID = "67e9247c814e392ba027dbde6748fcbf"
GUID = UUID("3249d99d-0c40-4931-8610-f4e4fb0b6936")


@pytest.fixture
def project() -> Project:
    project = a_project()
    Organization.objects.update(created_at=FOUNDED)
    organizations.set_public(project, is_public=True, by="a test")
    return project


def a_pdb(project: Project, at: str, number: int = 1, **differing: Any) -> DebugFile:
    """Return a PDB that came on the day of the founding, and has this number for an id."""
    known: dict[str, Any] = {
        "format": Format.PDB,
        "kind": None,
        "debug_id": DebugId(UUID(int=number), 1),
        "name": "a.pdb",
    }
    row = a_debug_file(project, **{**known, **differing})
    came_at = datetime.fromisoformat(f"2026-11-20T{at}Z")
    DebugFile.objects.filter(pk=row.pk).update(created_at=came_at)
    return row


def ask(name: str, client: Client | None = None, before: str = "") -> Answer:
    return (client or Client()).get(f"{before}/000Admin/{name}")


def listed(number: int, client: Client | None = None, before: str = "") -> list[str]:
    """Return the paths of a transaction, as Symbolicator reads it."""
    answer = ask(f"{number:010}", client, before)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    paths = []
    for line in answer.getvalue().decode().splitlines():
        name, _, key = line.split('"')[1].partition("\\")
        paths.append(f"{name}/{key}/{name}")
    return paths


def numbers(*pairs: str) -> list[str]:
    return [f"a.pdb/{UUID(int=int(n)).hex.upper()}1/a.pdb" for n in pairs]


def test_an_hour_is_a_transaction_once_it_is_over(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, at in enumerate(("08:00:00", "08:59:59", "09:00:00", "11:30:00"), 1):
        a_pdb(project, at, number)

    seen = {}
    for now in ("08:59", "09:09", "09:10", "10:15", "11:15", "12:15"):
        moment = datetime.fromisoformat(f"2026-11-20T{now}:00Z")
        monkeypatch.setattr(timezone, "now", lambda at=moment: at)
        last = ask("lastid.txt").content.decode()
        seen[now] = [listed(n) for n in range(1, int(last) + 1)]
        assert ask(f"{int(last) + 1:010}").status_code == 404

    first, second, fourth = numbers("1", "2"), numbers("3"), numbers("4")
    assert seen == {
        "08:59": [],
        "09:09": [],
        "09:10": [first],
        "10:15": [first, second],
        "11:15": [first, second, []],
        "12:15": [first, second, [], fourth],
    }


def test_the_last_number_has_ten_digits(project: Project) -> None:
    hours = (datetime.now(UTC) - timedelta(minutes=10) - FOUNDED) // timedelta(hours=1)

    answer = ask("lastid.txt")

    assert (answer.status_code, len(answer.content)) == (200, 10)
    assert int(answer.content) - hours in {0, 1}


def test_each_listed_path_is_served(project: Project) -> None:
    elf: dict[str, Any] = {"format": Format.ELF, "code_id": BUILD_ID}
    dsym = {"format": Format.MACHO, "kind": "dbg", "code_id": CodeId(MACHO_ID)}
    for differing in (
        {**elf, "kind": "exe", "name": "/usr/bin/hello"},
        {**elf, "kind": "dbg", "name": "hello.debug"},
        {**dsym, "name": "crash"},
        {
            "format": Format.PE,
            "kind": "exe",
            "code_id": CodeId("542d574ec2000"),
            "name": "C:\\build\\crash.exe",
        },
        {"format": Format.PDB, "debug_id": DebugId(GUID, 0xA), "name": "crash.pdb"},
        {
            "format": Format.PORTABLE_PDB,
            "name": "net.pdb",
            "debug_id": DebugId(UUID(int=7), 0xE60B819D),
        },
    ):
        a_pdb(project, "08:30:00", **differing)

    paths = listed(1)

    assert sorted(paths) == [
        f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
        f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
        f"_.dwarf/mach-uuid-sym-{MACHO_ID}/_.dwarf",
        "crash.exe/542D574Ec2000/crash.exe",
        f"crash.pdb/{GUID.hex.upper()}a/crash.pdb",
        f"hello/elf-buildid-{BUILD_ID}/hello",
        f"net.pdb/{UUID(int=7).hex.upper()}ffffffff/net.pdb",
    ]
    assert {Client().get(f"/{path}").status_code for path in paths} == {200}


def test_files_without_a_key_or_a_printable_name_are_not_listed(
    project: Project,
) -> None:
    a_pdb(project, "08:00:00", 1, name='a".pdb')
    a_pdb(project, "08:00:00", 2, name="a\nb.pdb")
    a_pdb(project, "08:00:00", 3, format=Format.BREAKPAD)
    a_pdb(project, "08:00:00", 4, format=Format.SOURCE_BUNDLE)
    a_pdb(project, "08:00:00", 5, format=Format.PROGUARD)
    a_pdb(project, "08:00:00", 6, format=Format.PE, code_id=None)
    a_pdb(project, "08:00:00", 7, name="ä.pdb")

    assert listed(1) == [f"ä.pdb/{UUID(int=7).hex.upper()}1/ä.pdb"]


def test_superseded_and_deleted_files_are_not_listed(project: Project) -> None:
    a_pdb(project, "08:00:00", 1)
    a_pdb(project, "08:00:00", 1)
    a_pdb(project, "08:00:00", 2).delete()

    assert listed(1) == numbers("1")


def test_a_long_transaction_is_complete(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symstore_log, "_ROWS_PER_QUERY", 2)
    for number in range(1, 8):
        a_pdb(project, "08:00:00", number)

    assert listed(1) == numbers(*"1234567")


def test_a_caller_sees_what_it_may_read(project: Project) -> None:
    a_pdb(project, "08:00:00", 1)
    private = a_project("private")
    a_pdb(private, "08:00:00", 2)
    token = tokens.create_url_token(private, by="me")

    assert listed(1) == numbers("1")
    assert listed(1, before=f"/s/{token}") == numbers("2")
    assert listed(1, a_client()) == numbers("1", "2")
    assert ask("lastid.txt", before="/s/symd_wrong").status_code == 401
    assert ask("lastid.txt", a_client(scopes=[Scope.CI])).status_code == 403


@pytest.mark.parametrize("name", ["server.txt", "history.txt", "HISTORY.TXT"])
def test_the_history_lists_hours_with_files(project: Project, name: str) -> None:
    for number, at in enumerate(("08:20:00", "08:59:00", "11:00:00"), 1):
        a_pdb(project, at, number)
    a_debug_file(project, name="of an hour that is not over")

    answer = ask(name)

    assert answer.content.decode().splitlines() == [
        '0000000001,add,file,11/20/2026,08:00:00,"symdepot","","",',
        '0000000004,add,file,11/20/2026,11:00:00,"symdepot","","",',
    ]


def test_ranges_are_ignored(project: Project) -> None:
    for name in ("lastid.txt", "0000000001"):
        answer = Client().get(
            f"/000admin/{name}", headers={"Range": "bytes=0-134217727"}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("name", ["0000000000", "9999999999"])
def test_an_unknown_transaction_is_missing(project: Project, name: str) -> None:
    assert ask(name).status_code == 404


def test_without_an_organization_there_is_no_transaction() -> None:
    assert ask("lastid.txt").content == b"0000000000"
    assert ask("history.txt").content == b""
    assert ask("0000000001").status_code == 404
