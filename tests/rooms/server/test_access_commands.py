"""What is typed so that debuggers may read, and what comes back."""

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

READ_BY_ALL = "The debug files of acme/rocket can be read without a token.\n"
READ_BY_FEW = "The debug files of acme/rocket can be read only with a token.\n"


@pytest.mark.django_db
def test_a_project_can_be_published_and_withdrawn(symdepot: RunCommand) -> None:
    a_project("rocket", "acme")
    words = ("project", "set", "acme/rocket")

    assert symdepot(*words) == CommandResult(0, READ_BY_FEW, "")
    assert symdepot(*words, "--public") == CommandResult(0, READ_BY_ALL, "")
    assert access.readable_projects(None).count() == 1
    assert symdepot(*words) == CommandResult(0, READ_BY_ALL, "")
    assert symdepot(*words, "--no-public") == CommandResult(0, READ_BY_FEW, "")
    assert access.readable_projects(None).count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("narrow", [True, False])
def test_a_token_for_urls_is_all_that_is_printed(
    symdepot: RunCommand, *, narrow: bool
) -> None:
    project = a_project("rocket", "acme")
    options = ("--project", "rocket") if narrow else ()

    said = symdepot("token", "create", "acme", "--url", "--label", "gdb", *options)

    token = tokens.authenticate(said.out.removesuffix("\n"))
    assert said.out.startswith("symd_")
    assert (said.status, said.err) == (0, "")
    assert (token.label, token.scopes) == ("gdb", ["project:read"])
    assert token.project == (project if narrow else None)


@pytest.mark.django_db
def test_a_token_for_urls_can_be_given_nothing_more(symdepot: RunCommand) -> None:
    a_project("rocket", "acme")

    said = symdepot("token", "create", "acme", "--url", "--scope", "project:write")

    assert said.status == 2
    assert "may read only" in said.err


@pytest.fixture(params=["json", "text"])
def log(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[io.StringIO]:
    """Log as a server does, to where the test can read it."""
    before = logging.getLogger().handlers[:]
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    logs.configure(level="INFO", style=request.param)
    yield said
    logging.getLogger().handlers[:] = before


def test_no_token_is_logged_whoever_logs_it(log: io.StringIO) -> None:
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


def test_a_line_without_tokens_is_left_as_it_is(log: io.StringIO) -> None:
    logging.getLogger("some.library").info("symd_ is a prefix, and symdepot a name")

    line = log.getvalue()
    assert "symd_ is a prefix, and symdepot a name" in line
    assert not line.startswith("{") or json.loads(line)["level"] == "info"
