"""Installations, a shared running server, and commands in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.installations import Installation, RunningServer, an_installation
from tests.server.command_line import CommandResult, RunCommand

from symdepot.server import cli, setup
from symdepot.server.config import Config


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with an_installation(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def server_installation(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    with an_installation(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture(scope="session")
def server(server_installation: Installation) -> Iterator[RunningServer]:
    """Run a server. Tests may kill its processes if it restarts them."""
    with server_installation.serving() as running:
        yield running


@pytest.fixture
def symdepot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCommand:
    """Return a function that runs a command in this process, on the tests' database."""
    monkeypatch.setattr(setup, "setup", lambda **_: Config())

    def run(*arguments: str) -> CommandResult:
        monkeypatch.setattr("sys.argv", ["symdepot", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return CommandResult(int(ended.value.code or 0), *capsys.readouterr())

    return run
