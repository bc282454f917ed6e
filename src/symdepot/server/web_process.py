"""The process that listens for clients, and starts those which answer them.

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

# Before it forks, so that one that was killed is replaced in no time.
from symdepot.server.wsgi import application

_KILL_AFTER_SECONDS = 8
"""Less than the supervisor grants, so that all end in order."""

_LOG_AS_WE_DO = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
}


def main() -> None:
    """Listen until told to stop."""
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
        log_dictconfig=_LOG_AS_WE_DO,
    ).serve(target_loader=_application, wrap_loader=False)


def _application() -> WSGIApplication:
    """Return what answers, in the process which shall run it."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        supervisor.die_with_parent(parent.pid)
    return application


if __name__ == "__main__":
    main()
