"""The commands audit, wanted and webhook."""

import json
import os
import pwd
from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.factories import a_debug_file, a_project, an_organization, record_miss
from tests.server.command_line import CommandResult, RunCommand

from symdepot.debugfiles import missing_ids
from symdepot.domain.ids import CodeId, DebugId
from symdepot.projects import audit, organizations, webhooks
from symdepot.projects.audit import Action
from symdepot.projects.models import (
    AuditEntry,
    Organization,
    Project,
    Token,
    Webhook,
)
from symdepot.server import setup

pytestmark = pytest.mark.django_db

URL = "https://ci.example.com/hook"
ME = f"command line ({pwd.getpwuid(os.getuid()).pw_name})"


@pytest.fixture
def entries() -> None:
    """Create an audit entry on each of three days."""
    project = a_project("rocket")
    actions: list[tuple[Organization | Project, Action]] = [
        (project, Action.UPLOADED),
        (project.organization, Action.TOKEN_MINTED),
        (a_project("other"), Action.UPLOADED),
    ]
    for day, (place, action) in enumerate(actions, 1):
        audit.record(place, action, by=f"day {day}", subject="it", n=day)
        AuditEntry.objects.filter(actor=f"day {day}").update(
            at=datetime(2026, 11, day, 12, tzinfo=UTC)
        )


def actors(result: CommandResult) -> list[str]:
    assert (result.status, result.err) == (0, "")
    return [json.loads(line)["actor"] for line in result.out.splitlines()]


def test_the_actor_is_the_user_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("USER", "other")
    monkeypatch.setenv("LOGNAME", "other")
    assert setup.cli_actor() == ME

    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert setup.cli_actor() == "command line (4000000)"


def test_commands_are_in_the_audit_log(symdepot: RunCommand) -> None:
    symdepot("org", "create", "acme")
    symdepot("project", "create", "acme/rocket")
    symdepot("token", "create", "acme", "--label", "ci")
    token = Token.objects.get()
    symdepot("token", "revoke", str(token.pk))
    symdepot("webhook", "add", "acme/rocket", URL)
    symdepot("webhook", "remove", "acme/rocket", str(Webhook.objects.get().pk))

    result = symdepot("audit", "acme", "--json")

    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [(line["action"], line["subject"]) for line in lines] == [
        ("organization.founded", "acme"),
        ("project.founded", "rocket"),
        ("token.minted", str(token)),
        ("token.revoked", str(token)),
        ("webhook.added", URL),
        ("webhook.removed", URL),
    ]
    assert {(line["organization"], line["actor"]) for line in lines} == {("acme", ME)}


@pytest.mark.usefixtures("entries")
def test_audit_is_sorted_by_time_and_filtered(
    symdepot: RunCommand,
) -> None:
    def days(*options: str) -> str:
        result = symdepot("audit", "acme", "--json", *options)
        return "".join(actor.removeprefix("day ") for actor in actors(result))

    assert days() == "123"
    assert days("--since", "2026-11-02") == "23"
    assert days("--until", "2026-11-02") == "1"
    assert days("--since", "2026-11-02T12:00:01") == "3"
    assert days("--since", "2026-11-02T12:00:01+0100") == "23"
    assert days("--project", "rocket") == "1"
    assert days("--action", "debug-file.uploaded") == "13"


@pytest.mark.usefixtures("entries")
def test_audit_prints_one_line_an_entry(symdepot: RunCommand) -> None:
    result = symdepot("audit", "acme")

    assert result.out.splitlines()[:2] == [
        '2026-11-01T12:00:00.000000Z  day 1  debug-file.uploaded  rocket: it  {"n": 1}',
        '2026-11-02T12:00:00.000000Z  day 2  token.minted  it  {"n": 2}',
    ]


def test_an_unknown_action_is_refused_with_the_known_ones(
    symdepot: RunCommand,
) -> None:
    an_organization()

    result = symdepot("audit", "acme", "--action", "lol")

    assert result.status == 2
    assert "'lol' is none of" in result.err
    assert "token.minted" in result.err


def test_a_time_out_of_range_is_refused(symdepot: RunCommand) -> None:
    an_organization()

    result = symdepot("audit", "acme", "--since", "0001-01-01T00:00:00+1400")

    assert (result.status, result.out) == (1, "")
    assert "is no time that there can be" in result.err


def test_control_characters_are_not_printed(
    symdepot: RunCommand,
) -> None:
    project = a_project("rocket")
    hostile = "lib\x1b[2J\r\nroot did it.so"
    audit.record(project, Action.UPLOADED, by="me", subject=hostile)
    record_miss(project, debug_id=None, code_id=CodeId("ab"), by=hostile, name=hostile)

    for command in ("audit", "acme"), ("wanted", "acme/rocket"):
        result = symdepot(*command)
        assert result.out.count("\n") == 1
        assert result.out.removesuffix("\n").isprintable()


def test_audit_of_a_missing_organization_is_refused(symdepot: RunCommand) -> None:
    assert symdepot("audit", "x") == CommandResult(
        1, "", "There is no organization 'x'.\n"
    )


def test_the_secret_of_a_webhook_is_printed_once(
    symdepot: RunCommand,
) -> None:
    a_project("rocket")

    added = symdepot("webhook", "add", "acme/rocket", URL)
    listed = symdepot("webhook", "list", "acme/rocket")

    row = Webhook.objects.get()
    assert added == CommandResult(0, row.secret + "\n", "")
    assert listed == CommandResult(
        0, f"{row.pk}  {URL}  received revision 0 of 0: up to date\n", ""
    )


def test_a_failed_webhook_is_listed_with_the_reason(
    symdepot: RunCommand,
) -> None:
    project = a_project("rocket")
    row = webhooks.add(project, URL, by="me")
    webhooks.bump_revision(project)
    Webhook.objects.update(attempts=webhooks.MAX_ATTEMPTS - 1)
    (delivery,) = webhooks.claim_due(1)
    webhooks.mark_failed(delivery, "It answered 410.")

    result = symdepot("webhook", "list", "acme/rocket")

    assert result.out == (
        f"{row.pk}  {URL}  received revision 0 of 1: given up after 10 times, "
        "until the next upload: It answered 410.\n"
    )


def test_a_webhook_is_removed_by_its_number(symdepot: RunCommand) -> None:
    row = webhooks.add(a_project("rocket"), URL, by="me")

    first, second = (
        symdepot("webhook", "remove", "acme/rocket", str(row.pk)) for _ in range(2)
    )

    assert first == CommandResult(0, f"Removed webhook {row.pk} ({URL}).\n", "")
    assert second == CommandResult(
        1, "", f"Project 'rocket' has no webhook {row.pk}.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("webhook", "add", "acme/rocket", "ftp://x/"), 1),
        (("webhook", "add", "acme/nowhere", URL), 1),
        (("webhook", "add", "acme", URL), 2),
        (("webhook", "list", "acme"), 2),
        (("wanted", "acme"), 2),
        (("wanted", "acme/nowhere"), 1),
    ],
)
def test_wrong_arguments_are_refused(
    symdepot: RunCommand, arguments: tuple[str, ...], status: int
) -> None:
    a_project("rocket")

    result = symdepot(*arguments)

    assert (result.status, result.out) == (status, "")
    assert result.err
    assert not Webhook.objects.exists()


def test_wanted_ids_are_listed_as_text_and_json(
    symdepot: RunCommand,
) -> None:
    project = organizations.create_project(an_organization(), "rocket", by="me")
    for n, count in (1, 2), (2, 1):
        for _ in range(count):
            record_miss(
                project,
                debug_id=DebugId(UUID(int=n)),
                code_id=CodeId("ab"),
                by="me",
                name="lib.so",
            )

    people = symdepot("wanted", "acme/rocket", "--most")
    programs = symdepot("wanted", "acme/rocket", "--json", "--limit", "1")

    most, latest = missing_ids.list_ids(project, missing_ids.MissingIdOrder.MOST)
    last_asked = missing_ids.as_json(most)["lastAsked"]
    assert people.out.splitlines()[0] == (
        f"2 times, last {last_asked} by me: {UUID(int=1)}, ab, lib.so"
    )
    assert len(people.out.splitlines()) == 2
    assert json.loads(programs.out) == missing_ids.as_json(latest) | {"nearMisses": []}


def test_a_wanted_id_is_listed_with_near_misses(symdepot: RunCommand) -> None:
    project = a_project("rocket")
    other = a_debug_file(project, name="lib\x1b.so.debug")
    for n in (1, 2):
        debug_id = DebugId(UUID(int=n))
        name = "" if n == 1 else "lib\x1b.so"
        record_miss(project, debug_id=debug_id, code_id=None, by="me", name=name)

    people = symdepot("wanted", "acme/rocket").out.splitlines()
    programs = symdepot("wanted", "acme/rocket", "--json").out.splitlines()

    day = f"{other.created_at:%Y-%m-%d}"
    text = f"of {day} has another id: debug id {other.debug_id}."
    assert people[1] == f"    lib\ufffd.so.debug (elf, x86_64) {text}"
    assert [line.endswith(str(UUID(int=1))) for line in people] == [0, 0, 1]
    near = [json.loads(line)["nearMisses"] for line in programs]
    assert near[1] == []
    assert [(miss["kind"], miss["id"]) for miss in near[0]] == [
        ("same_name", str(other.pk))
    ]
