"""Public projects, tokens in URLs, and tokens in logs."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from tests.factories import a_project
from tests.rooms.server.command_line import CommandResult, RunCommand

from symdepot.projects import access, tokens
from symdepot.server import logs

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


@pytest.fixture(params=["json", "text"])
def log(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[io.StringIO]:
    """Log as a server does, to a buffer."""
    before = logging.getLogger().handlers[:]
    result = io.StringIO()
    monkeypatch.setattr(sys, "stderr", result)
    logs.configure(level="INFO", style=request.param)
    yield result
    logging.getLogger().handlers[:] = before


def test_tokens_are_removed_from_logs_of_libraries_too(log: io.StringIO) -> None:
    path = "/s/symd_abc-_XYZ123/buildid/ab/debuginfo"
    try:
        {"": 0}[path]
    except KeyError:
        logging.getLogger("some.library").exception("Internal Server Error: %s", path)
    structlog.get_logger("ours").info("refused", path=path, by="sntrys_eyJp+/=_s3cr+t")

    assert "abc-_XYZ123" not in log.getvalue()
    assert "eyJp" not in log.getvalue()
    assert "s3cr+t" not in log.getvalue()
    assert log.getvalue().count("/s/symd_…/buildid/ab/debuginfo") == 3


def test_log_lines_without_tokens_are_unchanged(log: io.StringIO) -> None:
    logging.getLogger("some.library").info("symd_ is a prefix, and symdepot a name")

    line = log.getvalue()
    assert "symd_ is a prefix, and symdepot a name" in line
    assert not line.startswith("{") or json.loads(line)["level"] == "info"
