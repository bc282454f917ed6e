"""The audit log can be read, filtered and paged."""

import re

import pytest
from django.test import Client
from tests.factories import a_client, a_project, an_organization

from symdepot.projects import audit
from symdepot.projects.audit import Action
from symdepot.projects.models import AuditEntry
from symdepot.projects.tokens import Scope

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

LOGS = "/api/0/organizations/acme/audit-logs/"
NEXT = re.compile(r'<http://depot\.test([^>]+)>; rel="next"; results="true"')


@pytest.fixture
def client() -> Client:
    """Return one that may hear all of it, and leave nothing noted."""
    made = a_client(scopes=[Scope.ADMIN])
    AuditEntry.objects.all().delete()
    return made


def actors(client: Client, **query: str | int) -> list[str]:
    answer = client.get(LOGS, query)
    assert answer.status_code == 200, answer.content
    return [row["actor"] for row in answer.json()]


def test_an_entry_has_actor_action_and_time(client: Client) -> None:
    audit.record(
        a_project(), Action.UPLOADED, by="ci …abcd", subject="a file", size_bytes=7
    )

    (row,) = client.get(LOGS).json()

    entry = AuditEntry.objects.get()
    assert row == {
        "id": str(entry.pk),
        "at": entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": "ci …abcd",
        "action": "debug-file.uploaded",
        "project": "game",
        "subject": "a file",
        "details": {"size_bytes": 7},
    }


def test_entries_are_paged_newest_first(client: Client) -> None:
    for n in range(5):
        audit.record(a_project(), Action.DELETED, by=str(n))
        audit.record(a_project(), Action.UPLOADED, by="not asked about")

    seen = []
    answer = client.get(f"{LOGS}?per_page=2&action=debug-file.deleted")
    while True:
        seen.append([row["actor"] for row in answer.json()])
        match = NEXT.search(answer["Link"])
        if match is None:
            break
        answer = client.get(match[1])

    assert seen == [["4", "3"], ["2", "1"], ["0"]]


def test_entries_can_be_filtered_by_project_action_and_time(client: Client) -> None:
    audit.record(a_project(), Action.UPLOADED, by="a")
    audit.record(a_project("other"), Action.DELETED, by="b")
    audit.record(an_organization("theirs"), Action.DELETED, by="c")

    assert actors(client) == ["b", "a"]
    assert actors(client, project="game") == ["a"]
    assert actors(client, project="\0") == []
    assert actors(client, action="debug-file.deleted") == ["b"]
    assert actors(client, since="2099-01-01") == []
    assert actors(client, until="2099-01-01T00:00:00+02:00") == ["b", "a"]
    for name in ("action", "since", "until"):
        assert client.get(LOGS, {name: "lol"}).status_code == 400
    for name, time in (
        ("since", "0001-01-01T00:00+14"),
        ("until", "9999-12-31T23:00-14"),
    ):
        answer = client.get(LOGS, {name: f"{time}:00"})
        assert answer.status_code == 400
        assert "is no time that there can be" in answer.json()["error"]


@pytest.mark.parametrize(
    "scope", [scope for scope in Scope if scope is not Scope.ADMIN]
)
def test_the_audit_log_requires_an_administrative_scope(scope: Scope) -> None:
    answer = a_client(scopes=[scope]).get(LOGS)

    assert answer.status_code == 403
    assert "project:admin" in answer.json()["detail"]


def test_a_token_of_one_project_sees_only_entries_of_that_project() -> None:
    game, other = a_project(), a_project("other")
    client = a_client(scopes=[Scope.ADMIN], project=game)
    AuditEntry.objects.all().delete()
    for place, who in (game, "a"), (other, "b"), (game.organization, "c"):
        audit.record(place, Action.UPLOADED, by=who)

    assert actors(client) == ["a"]
    assert actors(client, project="game") == ["a"]
    for elsewhere in ("other", "", "nowhere"):
        assert client.get(LOGS, {"project": elsewhere}).status_code == 404


def test_the_audit_log_of_another_organization_is_hidden(client: Client) -> None:
    an_organization("theirs")

    assert client.get(LOGS.replace("acme", "theirs")).status_code == 403
    assert Client().get(LOGS).status_code == 401
