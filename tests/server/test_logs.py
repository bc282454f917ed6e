"""Log lines of the server and of libraries, without tokens."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from symdepot.server import logs


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
