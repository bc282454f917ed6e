"""`symdepot serve`: the web process and the background workers of one machine."""

import os
import sys
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

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
    """Serve until SIGTERM or SIGINT. Prints to standard output how to use the server.

    Raises:
        Misconfigured: the port is taken, downloads cannot be offloaded as configured,
            or the server does not start.
    """
    startup_checks.check_port_free(chosen)
    startup_checks.check_download_offload()
    for name in config.unknown_variables():
        _log.warning("setting.ignored", variable=name)
    _close_connections()
    supervise(
        _processes(chosen),
        is_ready=lambda: _answers(chosen),
        on_ready=lambda: _print_greeting(chosen),
    )


def _processes(chosen: Config) -> list[SupervisedProcess]:
    python, own_pid = sys.executable, str(os.getpid())
    web = [python, "-m", "symdepot.server.web_process", own_pid]
    worker = [python, "-m", "symdepot", "worker", "--parent", own_pid]
    commands = {"web": web}
    commands |= {f"worker {n}": worker for n in range(1, chosen.workers + 1)}
    return [SupervisedProcess(*named) for named in commands.items()]


def _answers(chosen: Config) -> bool:
    """Whether the web process answers on the address it listens on."""
    address = startup_checks.reachable_address(chosen.host, chosen.port)
    try:
        with closing(HTTPConnection(address, chosen.port, timeout=1)) as server:
            server.request("GET", "/health/live")
            return server.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False


def _print_greeting(chosen: Config) -> None:
    """Print the URL and, at the first start, a token to paste, without buffering."""
    token = organizations.create_defaults()
    _close_connections()
    url = settings.PUBLIC_URL
    lines = [f"symdepot is running at {url}, with its data in {settings.DATA_DIR}."]
    if token:
        lines += [
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
        ]
    else:
        options = f"--data-dir {settings.DATA_DIR} --public-url {url}"
        lines.append(f"For a new token: symdepot token create {options} ORGANIZATION")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _close_connections() -> None:
    """Close connections, which the supervisor would leave idle."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if isinstance(connection, postgresql.DatabaseWrapper):
            connection.close_pool()
