"""Public projects, and tokens in URLs."""

import pytest
from tests.factories import a_project
from tests.server.command_line import CommandResult, RunCommand

from symdepot.projects import access, tokens

PUBLIC = "The debug files of acme/rocket can be read without a token.\n"
PRIVATE = "The debug files of acme/rocket can be read only with a token.\n"


@pytest.mark.django_db
def test_a_project_is_made_public_and_private(symdepot: RunCommand) -> None:
    a_project("rocket", "acme")
    words = ("project", "set", "acme/rocket")

    assert symdepot(*words) == CommandResult(0, PRIVATE, "")
    assert symdepot(*words, "--public") == CommandResult(0, PUBLIC, "")
    assert access.PUBLIC.projects().count() == 1
    assert symdepot(*words) == CommandResult(0, PUBLIC, "")
    assert symdepot(*words, "--no-public") == CommandResult(0, PRIVATE, "")
    assert access.PUBLIC.projects().count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("narrow", [True, False])
def test_a_new_url_token_is_printed_alone(
    symdepot: RunCommand, *, narrow: bool
) -> None:
    project = a_project("rocket", "acme")
    options = ("--project", "rocket") if narrow else ()

    result = symdepot("token", "create", "acme", "--url", "--label", "gdb", *options)

    token = tokens.authenticate(result.out.removesuffix("\n"))
    assert result.out.startswith("symd_")
    assert (result.status, result.err) == (0, "")
    assert (token.label, token.scopes) == ("gdb", ["project:read"])
    assert token.project == (project if narrow else None)


@pytest.mark.django_db
def test_a_url_token_can_have_no_other_scopes(symdepot: RunCommand) -> None:
    a_project("rocket", "acme")

    result = symdepot("token", "create", "acme", "--url", "--scope", "project:write")

    assert result.status == 2
    assert "may read only" in result.err
