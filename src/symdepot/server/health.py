"""Health checks: `/health/live` for a supervisor, `/health/ready` for a load balancer.

The names of Mozilla's Dockerflow work, too.

Source: github.com/mozilla-services/Dockerflow, README, items 3 to 5.
"""

from importlib import metadata
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse

from symdepot.blobs.configured import blob_store, local_folder
from symdepot.domain import text_format
from symdepot.domain.errors import StorageUnavailable, WrongStore
from symdepot.domain.ids import Checksum
from symdepot.server import startup_checks
from symdepot.uploads import chunk_verification

_PROBE = Checksum.of(b"symdepot health")
_log = structlog.get_logger(__name__)


def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 always."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 if database, storage and disks work, else 503 and the problems.

    Damaged chunks are counted, but make only their own files unavailable.
    """
    problems = {
        "database": _database_problem(),
        "storage": _storage_problem(),
        "disk": _disk_problem(),
    }
    problems = {part: problem for part, problem in problems.items() if problem}
    if problems:
        _log.warning("health.failed", **problems)
        return JsonResponse({"status": "unavailable", "problems": problems}, status=503)
    found = chunk_verification.summary()
    chunks = {
        "damaged": found.damaged,
        "oldestVerification": text_format.format_time(found.oldest)
        if found.oldest
        else None,
    }
    return JsonResponse({"status": "ok", "chunks": chunks})


def version(request: HttpRequest) -> JsonResponse:
    """Return the version, in the format of Dockerflow; unknown values are empty."""
    known = {"version": metadata.version("symdepot")}
    return JsonResponse(
        {"source": "", "version": "", "commit": "", "build": ""} | known
    )


def _database_problem() -> str:
    try:
        if startup_checks.count_missing_migrations():
            return "the database is not migrated: start `symdepot serve` once"
    except DatabaseError:
        return "the database does not answer"
    return ""


def _storage_problem() -> str:
    try:
        _ = _PROBE in blob_store()
    except WrongStore as error:
        return str(error)
    except StorageUnavailable:
        return "the storage does not answer"
    except DatabaseError:
        pass  # the id of the store could not be compared
    return ""


def _disk_problem() -> str:
    folders = {settings.DATA_DIR, settings.SCRATCH_DIR, settings.SYMCACHE_DIR}
    if blobs := local_folder():
        folders.add(blobs)
    problems = {startup_checks.disk_problem(Path(folder)) for folder in folders}
    return "; ".join(sorted(problems - {""}))
