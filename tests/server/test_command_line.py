"""The commands org, project and token; help, settings and options."""

import base64
import json

import pytest
from tests.factories import a_project, an_organization
from tests.installations import Installation
from tests.server.command_line import CommandResult, RunCommand
from typer.testing import CliRunner

from symdepot.domain.errors import Unauthenticated
from symdepot.projects import organizations, tokens
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
def test_an_organization_and_a_project_are_created(symdepot: RunCommand) -> None:
    assert symdepot("org", "create", "acme").status == 0
    assert symdepot("project", "create", "acme/rocket").status == 0

    assert organizations.get_project("acme", "rocket").slug == "rocket"


@pytest.mark.django_db
def test_chunk_upload_is_switched_off_and_on(
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
def test_org_set_without_options_changes_nothing(symdepot: RunCommand) -> None:
    an_organization("acme")

    assert symdepot("org", "set", "acme") == CommandResult(0, "", "")
    assert symdepot("org", "set", "missing").status == 1
    assert Organization.objects.get().takes_chunks


@pytest.mark.django_db
def test_existing_names_are_refused(symdepot: RunCommand) -> None:
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
def test_a_name_that_cannot_be_in_urls_is_refused(
    symdepot: RunCommand, slug: str
) -> None:
    result = symdepot("org", "create", "--", slug)

    assert result.status == 1
    assert result.err.startswith(f"{slug!r} cannot be a name in URLs: ")
    assert not Organization.objects.exists()


@pytest.mark.django_db
def test_a_project_needs_its_organization(symdepot: RunCommand) -> None:
    result = symdepot("project", "create", "acme/rocket")

    assert result == CommandResult(1, "", "There is no organization 'acme'.\n")
    assert not Project.objects.exists()


@pytest.mark.django_db
def test_a_new_token_is_printed_alone(symdepot: RunCommand) -> None:
    an_organization("acme")

    result = symdepot("token", "create", "acme")

    token = tokens.authenticate(result.out.removesuffix("\n"))
    claims = json.loads(base64.b64decode(result.out.split("_")[1]))
    assert (result.status, result.err) == (0, "")
    assert token.scopes == ["project:read", "project:releases"]
    assert (token.project, token.expires_at) == (None, None)
    assert (claims["url"], claims["org"]) == ("http://depot.test", "acme")


@pytest.mark.django_db
def test_a_token_is_restricted_by_options(symdepot: RunCommand) -> None:
    project = a_project("rocket", "acme")

    result = symdepot(
        *("token", "create", "acme", "--project", "rocket", "--label", "night"),
        *("--scope", "org:ci", "--scope", "project:write", "--expires-in-days", "2"),
    )

    token = tokens.authenticate(result.out.strip())
    assert token.project == project
    assert token.scopes == ["org:ci", "project:write"]
    assert token.label == "night"
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days in {1, 2}


@pytest.mark.django_db
def test_an_unknown_scope_is_refused_with_the_known_ones(symdepot: RunCommand) -> None:
    an_organization("acme")

    result = symdepot("token", "create", "acme", "--scope", "root")

    assert result.status == 2
    assert "'root' is none of" in result.err
    assert not Token.objects.exists()


@pytest.mark.django_db
def test_a_revoked_token_is_refused_and_listed_as_revoked(
    symdepot: RunCommand,
) -> None:
    an_organization("acme")
    token = symdepot("token", "create", "acme", "--label", "leaked")
    row = tokens.authenticate(token.out.strip())

    result = symdepot("token", "revoke", str(row.pk))

    listed = symdepot("token", "list", "acme")
    assert result.out == f"Revoked token {row.pk} (leaked …{row.hint}).\n"
    assert "revoked" in listed.out
    assert token.out.strip() not in listed.out
    with pytest.raises(Unauthenticated):
        tokens.authenticate(token.out.strip())


@pytest.mark.django_db
def test_revoking_an_unknown_token_is_refused(symdepot: RunCommand) -> None:
    assert symdepot("token", "revoke", "7") == CommandResult(
        1, "", "There is no token 7.\n"
    )


def test_scopes_of_the_command_are_those_of_tokens() -> None:
    assert tuple(scope.value for scope in Scope) == SCOPES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(cli.app, [*command.split(), "--help"])

    assert result.exit_code == 0
    assert f"symdepot {command}" in result.output


def test_a_wrong_setting_is_named(installation: Installation) -> None:
    wrong = {"PORT": "99999", "CHUNK_SIZE": "3000000"}
    installation.settings.update(wrong)

    result = installation.run("org", "create", "acme")

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "SYMDEPOT_PORT is '99999': Input should be less than or equal to 65535.",
        "SYMDEPOT_CHUNK_SIZE is '3000000': it should be a power of two.",
    ]


@pytest.mark.slow
def test_an_option_overrides_its_variable(installation: Installation) -> None:
    elsewhere = installation.data_dir.with_name("elsewhere")

    result = installation.run("org", "create", "acme", "--data-dir", str(elsewhere))

    assert result.returncode == 0, result.stderr
    assert elsewhere.exists()
    assert not installation.data_dir.exists()


def test_an_unwritable_data_folder_is_named(installation: Installation) -> None:
    installation.data_dir.write_text("a file is in the way")

    result = installation.run("org", "create", "acme")

    assert result.returncode == 1
    assert result.stderr.startswith(
        f"Nothing can be written to the data folder {installation.data_dir} "
    )
