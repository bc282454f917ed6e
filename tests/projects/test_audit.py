"""Who did what is noted with the deed itself, and can be told long after."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    an_organization,
    files_url,
    upload,
)

from symdepot.domain.errors import InvalidRequest
from symdepot.projects import audit, organizations, tokens, webhooks
from symdepot.projects.audit import Action, AuditQuery
from symdepot.projects.models import AuditEntry, Organization, Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

SOURCES = Path(audit.__file__).parents[1]
URL = "https://ci.example.com/hook"


def noted(organization: str = "acme", **asked: Any) -> list[tuple[str, str, str]]:
    rows = audit.export(
        an_organization(organization),
        AuditQuery(**asked),
    )
    return [(row.actor, row.action, row.subject) for row in rows]


def test_every_action_is_recorded_by_some_module() -> None:
    named = {
        node.attr
        for path in SOURCES.rglob("*.py")
        if path.name != "audit.py" and "Action" in (source := path.read_text())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Action"
    }

    assert {action.name for action in Action} <= named


def test_what_is_founded_is_noted() -> None:
    organization = organizations.create_organization("acme", by="me")
    organizations.create_project(organization, "game", by="you")
    with pytest.raises(InvalidRequest):
        organizations.create_project(organization, "game", by="late")

    assert noted() == [
        ("me", "organization.founded", "acme"),
        ("you", "project.founded", "game"),
    ]


def test_the_first_start_notes_what_it_founds() -> None:
    organizations.create_defaults()

    row = Token.objects.get()
    assert noted("default") == [
        ("first start", "organization.founded", "default"),
        ("first start", "project.founded", "default"),
        ("first start", "token.minted", str(row)),
    ]


def test_tokens_are_noted_when_minted_and_once_when_revoked() -> None:
    project = a_project()
    secret = tokens.create_token(
        project,
        scopes=[Scope.CI, Scope.READ],
        by="me",
        label="night",
        expires_at=datetime(2099, 1, 1, tzinfo=UTC),
    )
    row = tokens.authenticate(secret)

    for _ in range(2):
        tokens.revoke(row, by="you")

    assert noted(project="game") == [
        ("me", "token.minted", str(row)),
        ("you", "token.revoked", str(row)),
    ]
    minted = AuditEntry.objects.get(action="token.minted")
    assert minted.details == {
        "token": row.pk,
        "scopes": ["org:ci", "project:read"],
        "expires_at": "2099-01-01T00:00:00+00:00",
    }
    assert not [e for e in AuditEntry.objects.all() if secret in str(audit.as_json(e))]


def test_webhooks_are_noted_when_added_and_removed_without_their_secret() -> None:
    project = a_project()

    hook = webhooks.add(project, URL, by="me")
    webhooks.remove(project, hook.pk, by="you")

    assert noted() == [("me", "webhook.added", URL), ("you", "webhook.removed", URL)]
    assert not [
        e for e in AuditEntry.objects.all() if hook.secret in str(audit.as_json(e))
    ]


def test_an_upload_and_a_deletion_are_noted_with_the_token_that_did_them() -> None:
    a_project()
    client = a_client()
    token = str(Token.objects.get())

    answer = upload(client, a_breakpad_file())
    client.delete(files_url(f"dsyms/?id={answer['dif']['id']}"))

    name = f"{answer['dif']['uuid']} (hello; x86_64)"
    assert noted(project="game") == [
        (token, "debug-file.uploaded", name),
        (token, "debug-file.deleted", name),
    ]


def test_a_deed_that_is_undone_is_not_noted() -> None:
    organization = an_organization()

    def undone() -> None:
        with transaction.atomic():
            organizations.create_project(organization, "game", by="me")
            tokens.create_token(organization, scopes=[], by="me")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        undone()

    assert noted() == []


def test_the_audit_can_be_asked_by_project_action_and_time() -> None:
    project, other = a_project(), a_project("other")
    theirs = an_organization("theirs")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for place, action in (
        (project, Action.UPLOADED),
        (other, Action.UPLOADED),
        (project, Action.DELETED),
        (project.organization, Action.TOKEN_MINTED),
        (theirs, Action.TOKEN_MINTED),
    ):
        day = AuditEntry.objects.count()
        audit.record(place, action, by=str(day))
        newest = AuditEntry.objects.order_by("-pk")[:1].values("pk")
        AuditEntry.objects.filter(
            pk__in=list(newest.values_list("pk", flat=True))
        ).update(at=start + timedelta(days=day))

    def days(**asked: Any) -> str:
        return "".join(actor for actor, *_ in noted(**asked))

    assert days() == "0123"
    assert days(project="game") == "02"
    assert days(project="\0") == ""
    assert days(project="") == "3"
    assert days(action=Action.UPLOADED) == "01"
    assert days(since=start + timedelta(days=1)) == "123"
    assert days(until=start + timedelta(days=1)) == "0"
    assert days(project="game", since=start + timedelta(days=1)) == "2"


@pytest.mark.django_db(transaction=True)
def test_an_export_comes_row_by_row_from_one_question() -> None:
    organization = an_organization()
    AuditEntry.objects.bulk_create(
        AuditEntry(organization=organization, actor=str(n), action="x")
        for n in range(3000)
    )

    with CaptureQueriesContext(connection) as queries:
        exported = audit.export(organization, AuditQuery())
        first = [next(exported).actor for _ in range(3)]

    assert isinstance(exported, Iterator)
    assert first == ["0", "1", "2"]
    assert len(queries) <= 1
    assert 3 + sum(1 for _ in exported) == 3000


def test_an_entry_outlives_what_it_was_about() -> None:
    organization = organizations.create_organization("acme", by="me")
    organizations.create_project(organization, "game", by="me").delete()

    assert len(noted()) == 2
    assert Organization.objects.count() == 1


def test_an_actor_s_name_is_cut_rather_than_refused() -> None:
    audit.record(an_organization(), Action.UPLOADED, by="x" * 999)

    assert noted() == [("x" * 250, "debug-file.uploaded", "")]
