"""The process that listens, and that forks the processes which answer requests.

Run as `python -m symdepot.server.web_process PARENT_PID`; `symdepot serve` does.
"""

import multiprocessing
import sys
from wsgiref.types import WSGIApplication

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

# Sets Django up; before the fork, so that a killed process is replaced at once.
from symdepot.server.wsgi import application

# isort: split
from symdepot.server import connection_limits, startup_checks, supervisor
from symdepot.server.config import Config

_KILL_AFTER_SECONDS = 8
"""Less than the grace of the supervisor, so that all end in order."""

_LOGGING = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
}


def main() -> None:
    """Listen until SIGTERM."""
    supervisor.die_with_parent(int(sys.argv[1]))
    config = Config()
    connection_limits.prepare_process()
    Granian(
        "symdepot.server.wsgi:application",
        address=startup_checks.numeric_address(config.host, config.port),
        port=config.port,
        interface=Interfaces.WSGI,
        workers=config.web_workers,
        blocking_threads=config.web_threads,
        backpressure=connection_limits.MAX_CONNECTIONS,
        # Its automatic choice waits for a first byte without a deadline.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=connection_limits.HEAD_SECONDS * 1000
        ),
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_AFTER_SECONDS,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
    ).serve(target_loader=lambda: _application(config.web_threads), wrap_loader=False)


def _application(threads: int) -> WSGIApplication:
    """Return the application; called in each forked process."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        supervisor.die_with_parent(parent.pid)
    return connection_limits.LimitedApplication(application, threads)


if __name__ == "__main__":
    main()
