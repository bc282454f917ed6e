"""The process that listens, and that forks the processes which answer requests.

Run as `python -m symdepot.server.web_process PARENT_PID`; `symdepot serve` does.
"""

import multiprocessing
import sys
from wsgiref.types import WSGIApplication

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from symdepot.server import startup_checks, supervisor
from symdepot.server.config import Config

# Imported before the fork, so that a killed process is replaced at once.
from symdepot.server.wsgi import application

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
    Granian(
        "symdepot.server.wsgi:application",
        address=startup_checks.numeric_address(config.host, config.port),
        port=config.port,
        interface=Interfaces.WSGI,
        workers=config.web_workers,
        blocking_threads=config.web_threads,
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_AFTER_SECONDS,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
    ).serve(target_loader=_application, wrap_loader=False)


def _application() -> WSGIApplication:
    """Return the application; called in each forked process."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        supervisor.die_with_parent(parent.pid)
    return application


if __name__ == "__main__":
    main()
