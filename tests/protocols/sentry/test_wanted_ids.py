"""Missing ids are recorded, listed and cleared."""

import re
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    files_url,
    record_miss,
    upload,
)

from symdepot.debugfiles import missing_ids
from symdepot.debugfiles.models import WantedId
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Token
from symdepot.projects.tokens import Scope

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ID = "dfb8e43a-f242-3d73-a453-aeb6a777ef75-a"
BREAKPAD = "DFB8E43AF2423D73A453AEB6A777EF75a"
WANTED = "/api/0/projects/acme/game/wanted-ids/"
NEXT = re.compile(r'<http://depot\.test([^>]+)>; rel="next"; results="true"')


def listed(client: Client | None = None, **query: str | int) -> list[dict[str, object]]:
    answer = (client or a_client()).get(WANTED, query)
    assert answer.status_code == 200
    found: list[dict[str, object]] = answer.json()
    return found


def pages(client: Client, **query: str | int) -> Iterator[list[str]]:
    answer = client.get(WANTED, query)
    while True:
        yield [row["debugId"] for row in answer.json()]
        match = NEXT.search(answer["Link"])
        if match is None:
            return
        answer = client.get(match[1])


def test_a_missing_id_is_recorded_with_the_caller_and_its_program() -> None:
    a_project()
    client = a_client(user_agent="symbolicator/26.1")
    token = Token.objects.get()

    for _ in range(2):
        answer = client.get(files_url(), {"debug_id": BREAKPAD, "code_id": "AB12"})
        assert (answer.status_code, answer.json()) == (200, [])

    (row,) = listed(client)
    moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").fullmatch
    assert moment(str(row.pop("firstAsked")))
    assert moment(str(row.pop("lastAsked")))
    assert row == {
        "id": str(WantedId.objects.get().pk),
        "debugId": ID,
        "codeId": "ab12",
        "name": None,
        "count": 2,
        "askedBy": f"{token} (symbolicator/26.1)",
        "nearMisses": [],
    }


def test_near_misses_are_listed() -> None:
    project = a_project()
    client = a_client()
    client.get(files_url(), {"debug_id": ID})
    newer = DebugId(DebugId.parse(ID).uuid, 11)
    row = a_debug_file(project, debug_id=newer, format=Format.PDB, name="a.pdb")

    (wanted_id,) = listed(client)

    assert wanted_id["nearMisses"] == [
        {
            "kind": "other_age",
            "text": "a.pdb (pdb, x86_64) has the same UUID, but age b, not a.",
            "id": str(row.pk),
            "debugId": str(newer),
            "codeId": None,
            "name": "a.pdb",
        }
    ]


@pytest.mark.parametrize(
    "question",
    [
        {"debug_id": "nonsense"},
        {"code_id": "nonsense"},
        {"debug_id": "00000000-0000-0000-0000-000000000000"},
        {"query": ID},
        {"query": "libc.so"},
        {},
    ],
)
def test_only_lookups_by_exact_id_are_recorded(
    question: dict[str, str],
) -> None:
    a_project()
    client = a_client()

    assert client.get(files_url(), question).status_code == 200

    assert listed(client) == []


def test_found_ids_are_not_recorded_even_in_another_format() -> None:
    a_debug_file(
        a_project(), debug_id=DebugId.parse(ID), code_id=CodeId("ab"), format=Format.PE
    )
    client = a_client()

    for question in (
        {"debug_id": ID},
        {"code_id": "ab"},
        {"debug_id": ID, "file_formats": "elf"},
    ):
        client.get(files_url(), question)

    assert listed(client) == []


def test_an_upload_clears_its_missing_id() -> None:
    a_project()
    client = a_client()
    for debug_id in (ID, ID[:-2]):
        client.get(files_url(), {"debug_id": debug_id})

    assert upload(client, a_breakpad_file(BREAKPAD.upper()))["state"] == "ok"

    assert [row["debugId"] for row in listed(client)] == [ID[:-2]]


def test_the_response_does_not_depend_on_recording_the_miss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_project()
    client = a_client()

    def is_away(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(missing_ids.COUNTER, "_write", is_away)
    answer = client.get(files_url(), {"debug_id": ID})
    monkeypatch.undo()

    assert (answer.status_code, answer.json()) == (200, [])
    missing_ids.COUNTER.flush()


def test_missing_ids_are_paged_by_time_or_count() -> None:
    project = a_project()
    client = a_client()
    ids = [f"{n:08x}-0000-0000-0000-000000000000" for n in range(1, 6)]
    for count, debug_id in enumerate(ids, 1):
        for _ in range(6 - count):
            record_miss(
                project, debug_id=DebugId.parse(debug_id), code_id=None, by="me"
            )

    latest = list(pages(client, per_page=2))
    most = list(pages(client, per_page=2, order="most"))

    assert latest == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert most == [ids[:2], ids[2:4], ids[4:]]
    assert client.get(WANTED, {"order": "lol"}).status_code == 400


def test_missing_ids_can_be_dismissed_with_the_delete_permission() -> None:
    a_project()
    client = a_client()
    for code_id in ("a", "b", "c"):
        client.get(files_url(), {"code_id": code_id})
    first = listed(client)[0]["id"]

    assert client.delete(f"{WANTED}{first}/").status_code == 204
    again = client.delete(f"{WANTED}{first}/")
    assert (again.status_code, again.json()) == (
        404,
        {"detail": f"There is no wanted id '{first}' in this project."},
    )
    assert [row["codeId"] for row in listed(client)] == ["b", "a"]
    assert client.delete(WANTED).status_code == 204
    assert listed(client) == []


def test_an_upload_token_can_list_but_not_dismiss() -> None:
    a_project()
    client = a_client(scopes=[Scope.CI])

    assert client.get(WANTED).status_code == 200
    assert client.delete(WANTED).status_code == 403
    assert client.delete(f"{WANTED}1/").status_code == 403
    assert Client().get(WANTED).status_code == 401


def test_missing_ids_of_other_projects_are_hidden() -> None:
    a_project()
    other = a_project("other")
    record_miss(other, debug_id=DebugId.parse(ID), code_id=None, by="me")
    row = missing_ids.list_ids(other).get()
    client = a_client()

    assert listed(client) == []
    assert client.delete(f"{WANTED}{row.pk}/").status_code == 404
    assert client.delete(WANTED).status_code == 204
    assert missing_ids.list_ids(other).exists()
