"""What people type, and what they are told."""

import base64
import json

import pytest
from tests.factories import a_project, an_organization
from tests.installations import Installation
from tests.rooms.server.command_line import CommandResult, RunCommand
from typer.testing import CliRunner

from symdepot.domain.errors import Unauthenticated
from symdepot.projects import access, tokens
from symdepot.projects.models import Organization, Project, Token
from symdepot.projects.tokens import Scope
from symdepot.server import cli
from symdepot.server.cli.token import SCOPES

COMMANDS = (
    "serve",
    "worker",
    "doctor",
    "org create",
    "org set",
    "org list",
    "org show",
    "project create",
    "project set",
    "project retention",
    "gc",
    "fsck",
    "token create",
    "token list",
    "token revoke",
    "audit",
    "wanted",
    "webhook add",
    "webhook list",
    "webhook remove",
)


@pytest.mark.django_db
def test_an_organization_and_a_project_can_be_made(symdepot: RunCommand) -> None:
    assert symdepot("org", "create", "acme").status == 0
    assert symdepot("project", "create", "acme/rocket").status == 0

    assert access.project("acme", "rocket").slug == "rocket"


@pytest.mark.django_db
def test_clients_of_an_organization_can_be_told_to_send_zips(
    symdepot: RunCommand,
) -> None:
    an_organization("acme")

    off = symdepot("org", "set", "acme", "--no-chunk-upload")
    assert not Organization.objects.get().takes_chunks
    on = symdepot("org", "set", "acme", "--chunk-upload")
    assert Organization.objects.get().takes_chunks

    assert [off, on] == [
        CommandResult(
            0, "Clients of 'acme' now upload zips, if they support it.\n", ""
        ),
        CommandResult(0, "Clients of 'acme' now upload chunks.\n", ""),
    ]


@pytest.mark.django_db
def test_nothing_is_set_where_nothing_is_said(symdepot: RunCommand) -> None:
    an_organization("acme")

    assert symdepot("org", "set", "acme") == CommandResult(0, "", "")
    assert symdepot("org", "set", "nobody").status == 1
    assert Organization.objects.get().takes_chunks


@pytest.mark.django_db
def test_what_is_there_already_is_refused_in_a_sentence(symdepot: RunCommand) -> None:
    a_project("rocket", "acme")

    organization = symdepot("org", "create", "acme")
    project = symdepot("project", "create", "acme/rocket")

    assert organization == CommandResult(
        1, "", "There is an organization 'acme' already.\n"
    )
    assert project == CommandResult(
        1, "", "Organization 'acme' has a project 'rocket' already.\n"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["", "A", "a b", "-a", "a-", "12", "ä", "a" * 51])
def test_a_name_that_is_no_good_in_urls_is_refused(
    symdepot: RunCommand, slug: str
) -> None:
    said = symdepot("org", "create", "--", slug)

    assert said.status == 1
    assert said.err.startswith(f"{slug!r} cannot be a name in URLs: ")
    assert not Organization.objects.exists()


@pytest.mark.django_db
def test_a_project_needs_its_organization(symdepot: RunCommand) -> None:
    said = symdepot("project", "create", "acme/rocket")

    assert said == CommandResult(1, "", "There is no organization 'acme'.\n")
    assert not Project.objects.exists()


@pytest.mark.django_db
def test_a_new_token_is_all_that_is_printed_and_it_opens(symdepot: RunCommand) -> None:
    an_organization("acme")

    said = symdepot("token", "create", "acme")

    token = tokens.authenticate(said.out.removesuffix("\n"))
    claims = json.loads(base64.b64decode(said.out.split("_")[1]))
    assert (said.status, said.err) == (0, "")
    assert token.scopes == ["project:read", "project:releases"]
    assert (token.project, token.expires_at) == (None, None)
    assert (claims["url"], claims["org"]) == ("http://depot.test", "acme")


@pytest.mark.django_db
def test_a_token_can_be_narrowed(symdepot: RunCommand) -> None:
    project = a_project("rocket", "acme")

    said = symdepot(
        *("token", "create", "acme", "--project", "rocket", "--label", "night"),
        *("--scope", "org:ci", "--scope", "project:write", "--expires-in-days", "2"),
    )

    token = tokens.authenticate(said.out.strip())
    assert token.project == project
    assert token.scopes == ["org:ci", "project:write"]
    assert token.label == "night"
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days in {1, 2}


@pytest.mark.django_db
def test_an_unknown_scope_is_refused_with_those_that_are(symdepot: RunCommand) -> None:
    an_organization("acme")

    said = symdepot("token", "create", "acme", "--scope", "root")

    assert said.status == 2
    assert "'root' is none of" in said.err
    assert not Token.objects.exists()


@pytest.mark.django_db
def test_a_revoked_token_opens_nothing_and_is_listed_as_such(
    symdepot: RunCommand,
) -> None:
    an_organization("acme")
    token = symdepot("token", "create", "acme", "--label", "leaked")
    row = tokens.authenticate(token.out.strip())

    said = symdepot("token", "revoke", str(row.pk))

    listed = symdepot("token", "list", "acme")
    assert said.out == f"Revoked token {row.pk} (leaked …{row.hint}).\n"
    assert "revoked" in listed.out
    assert token.out.strip() not in listed.out
    with pytest.raises(Unauthenticated):
        tokens.authenticate(token.out.strip())


@pytest.mark.django_db
def test_only_tokens_that_are_there_can_be_revoked(symdepot: RunCommand) -> None:
    assert symdepot("token", "revoke", "7") == CommandResult(
        1, "", "There is no token 7.\n"
    )


def test_the_scopes_that_can_be_typed_are_those_there_are() -> None:
    assert tuple(scope.value for scope in Scope) == SCOPES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    said = CliRunner().invoke(cli.app, [*command.split(), "--help"])

    assert said.exit_code == 0
    assert f"symdepot {command}" in said.output


def test_a_wrong_setting_is_named(installation: Installation) -> None:
    wrong = {"PORT": "99999", "CHUNK_SIZE": "3000000"}
    installation.settings.update(wrong)

    said = installation.run("org", "create", "acme")

    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.splitlines() == [
        "SYMDEPOT_PORT is '99999': Input should be less than or equal to 65535.",
        "SYMDEPOT_CHUNK_SIZE is '3000000': it should be a power of two.",
    ]


def test_an_option_wins_over_its_variable(installation: Installation) -> None:
    elsewhere = installation.data_dir.with_name("elsewhere")

    said = installation.run("org", "create", "acme", "--data-dir", str(elsewhere))

    assert said.returncode == 0, said.stderr
    assert elsewhere.exists()
    assert not installation.data_dir.exists()


def test_a_data_folder_that_takes_nothing_is_named(installation: Installation) -> None:
    installation.data_dir.write_text("a file is in the way")

    said = installation.run("org", "create", "acme")

    assert said.returncode == 1
    assert said.stderr.startswith(
        f"Nothing can be written to the data folder {installation.data_dir} "
    )
