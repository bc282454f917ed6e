"""Runs everything that one machine needs: those who answer, and those who work."""

import http.client
import os
import sys

import structlog
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql import base as postgresql

from symdepot.projects import organizations
from symdepot.server import config, startup_checks
from symdepot.server.config import Config
from symdepot.server.supervisor import SupervisedProcess, supervise

_log = structlog.get_logger(__name__)


def serve(chosen: Config) -> None:
    """Serve until SIGTERM or SIGINT; say on standard output how to use it.

    Raises:
        Misconfigured: the port is taken, files cannot be handed over as they should,
            or the server does not come up.
    """
    startup_checks.check_port_free(chosen)
    startup_checks.check_download_offload()
    for name in config.unknown_variables():
        _log.warning("not a setting, see docs/configuration.md", variable=name)
    _let_go_of_database()
    supervise(
        _children(chosen),
        has_begun=lambda: _answers(chosen),
        on_begun=lambda: _announce(chosen),
    )


def _children(chosen: Config) -> list[SupervisedProcess]:
    python, own_pid = sys.executable, str(os.getpid())
    worker = [python, "-m", "symdepot", "worker", "--parent", own_pid]
    return [
        SupervisedProcess(
            "web", [python, "-m", "symdepot.server.web_process", own_pid]
        ),
        *(
            SupervisedProcess(f"worker {n}", worker)
            for n in range(1, chosen.workers + 1)
        ),
    ]


def _answers(chosen: Config) -> bool:
    """Say whether our own front door opens, wherever else clients may knock."""
    address = startup_checks.reachable_address(chosen.host, chosen.port)
    line = http.client.HTTPConnection(address, chosen.port, timeout=1)
    try:
        line.request("GET", "/health/live")
        return line.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _announce(chosen: Config) -> None:
    """Print what to do next; who starts the first time gets a token to paste."""
    token = organizations.create_defaults()
    _let_go_of_database()
    url = settings.PUBLIC_URL
    say(f"symdepot is running at {url}, with its data in {settings.DATA_DIR}.")
    if token:
        say(
            "",
            "To send debug files here, paste these lines. The token is shown this once.",
            f"Clients before sentry-cli 2.20 need SENTRY_ORG={organizations.DEFAULT}, too.",
            "",
            f"export SENTRY_URL={url}",
            f"export SENTRY_PROJECT={organizations.DEFAULT}",
            f"export SENTRY_AUTH_TOKEN={token}",
            "",
            "sentry-cli debug-files upload PATH",
            "",
        )
    else:
        say(f"For a new token: symdepot token create {_as_here(chosen)} ORGANIZATION")


def _as_here(chosen: Config) -> str:
    """Return the options with which another command means this very server."""
    return f"--data-dir {chosen.data_dir.absolute()} --public-url {settings.PUBLIC_URL}"


def say(*lines: str) -> None:
    """Print to standard output at once, also when that is a pipe."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _let_go_of_database() -> None:
    """Close connections: from here on they would lie idle for as long as we run."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if isinstance(connection, postgresql.DatabaseWrapper):
            connection.close_pool()
