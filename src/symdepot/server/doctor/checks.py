"""The checks of `symdepot doctor`, in order. Each results in one sentence."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from secrets import token_bytes
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import SymdepotError
from symdepot.domain.ids import Checksum
from symdepot.sandbox import operations
from symdepot.server import config, startup_checks
from symdepot.server.config import Misconfigured
from symdepot.server.doctor import self_test
from symdepot.uploads import chunk_verification
from symdepot.uploads.models import State
from symdepot.uploads.scratch import scratch_file

_RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
_MAX_CLOCK_DIFFERENCE = timedelta(seconds=2)
_TIMEOUT_SECONDS = 10.0


class CheckFailed(Exception):
    """A check failed; the text describes the problem and what to do about it."""


_EXPECTED_ERRORS = (CheckFailed, Misconfigured, SymdepotError, DatabaseError, OSError)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check. `is_ok` is None if it was skipped."""

    subject: str
    is_ok: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check; skipped unless the checks that it `needs` have passed."""

    check: Callable[[], str]
    needs: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The name of the checked part."""
        return self.check.__name__

    def run(self) -> CheckResult:
        """Run the check; no exception is raised."""
        try:
            return CheckResult(self.subject, is_ok=True, sentence=self.check())
        except _EXPECTED_ERRORS as error:
            return CheckResult(self.subject, is_ok=False, sentence=str(error).strip())
        except Exception as error:  # noqa: BLE001 -- reported to the operator
            return CheckResult(self.subject, is_ok=False, sentence=repr(error))


def run_checks() -> Iterator[CheckResult]:
    """Yield the results of all checks, in order."""
    passed: set[str] = set()
    for check in CHECKS:
        if missing := [need for need in check.needs if need not in passed]:
            yield CheckResult(
                check.subject, None, f"not tried, because of {' and '.join(missing)}"
            )
            continue
        result = check.run()
        if result.is_ok:
            passed.add(check.subject)
        yield result


def configuration() -> str:
    """Check that no setting is misspelt; wrong values have ended the command before."""
    if names := config.unknown_variables():
        raise CheckFailed(
            f"{', '.join(names)}: there is no such setting, so it does nothing. "
            "Correct or unset it; docs/configuration.md has all of them."
        )
    scheme = urlsplit(settings.BLOB_URL).scheme
    return (
        f"data in {settings.DATA_DIR}, rows in {connection.vendor}, bytes in {scheme}"
    )


def storage() -> str:
    """Check that a blob can be stored, read and deleted."""
    content = token_bytes(4096)
    checksum = Checksum.of(content)
    started_at = time.monotonic()
    store = blob_store()
    store.put(checksum, io.BytesIO(content))
    with store.open(checksum) as reader:
        returned = reader.read()
    store.delete(checksum)
    if returned != content or checksum in store:
        raise CheckFailed(
            "What was stored came back changed, or could not be deleted. Check the disk "
            "or bucket that SYMDEPOT_BLOB_URL names before you trust it."
        )
    startup_checks.check_download_offload()
    took_ms = (time.monotonic() - started_at) * 1000
    return f"bytes are stored, read again and deleted in {took_ms:.0f} ms"


def database() -> str:
    """Check that the database answers, and has the tables of this version."""
    startup_checks.check_database()
    if missing := startup_checks.count_missing_migrations():
        raise CheckFailed(
            f"The tables are not those of this version ({missing} migrations "
            "are missing). Start `symdepot serve`, or restart it after an upgrade."
        )
    return f"{connection.vendor} answers, and its tables are those of this version"


def chunks() -> str:
    """Check that no stored chunk is known to be damaged."""
    found = chunk_verification.summary()
    if found.damaged:
        raise CheckFailed(
            f"{found.damaged} stored chunks are damaged or gone. `symdepot fsck` lists the "
            "files with them; upload these again."
        )
    if found.oldest is None:
        return "none is known to be damaged, and none was verified yet"
    return (
        "none is known to be damaged; the oldest verification is of "
        f"{found.oldest:%Y-%m-%d %H:%M} UTC"
    )


def clock() -> str:
    """Check that the clocks of this machine and of the database agree."""
    now = datetime.now(UTC)
    if now < _RELEASED:
        raise CheckFailed(
            f"This machine's clock says {now:%Y-%m-%d %H:%M}, which is before this "
            "version was made. Set it, best by NTP: tokens and leases expire by it."
        )
    difference = abs(_database_time() - datetime.now(UTC))
    if difference > _MAX_CLOCK_DIFFERENCE:
        raise CheckFailed(
            f"The clocks of this machine and the database are "
            f"{difference.total_seconds():.0f} s apart. Set both by NTP: leases on "
            "files in work expire by them."
        )
    return f"it is {now:%Y-%m-%d %H:%M:%S} UTC, here and in the database"


def sandbox() -> str:
    """Check that a child process can read a small debug file."""
    with scratch_file(settings.SCRATCH_DIR, prefix="doctor-") as path:
        path.write_bytes(self_test.tiny_symbol_file())
        found = operations.inspect(path, name="doctor.sym")
    return f"a child process read a small file of format {found[0].format}"


def server() -> str:
    """Check that the server answers at its public URL."""
    status, body = _get_health(settings.PUBLIC_URL)
    if status != HTTPStatus.OK:
        raise CheckFailed(
            f"{settings.PUBLIC_URL}/health/ready answers {status}: {_problems(body)}."
        )
    return f"{settings.PUBLIC_URL} answers, and is ready"


def worker() -> str:
    """Check that a background worker runs a task."""
    took_seconds = self_test.time_worker(timeout_seconds=_TIMEOUT_SECONDS)
    if took_seconds is None:
        raise CheckFailed(
            f"No background worker took up a task in {_TIMEOUT_SECONDS:.0f} s. Start "
            "`symdepot serve` or `symdepot worker` with these same settings; if they "
            "run, they are busy, and more of them may help."
        )
    return f"a background worker took up a task after {took_seconds:.1f} s"


def upload() -> str:
    """Check that a small file can be uploaded, found and deleted."""
    status, took_seconds = self_test.upload(timeout_seconds=_TIMEOUT_SECONDS)
    if status.state != State.OK:
        raise CheckFailed(
            f"A small upload ended as {status.state!r} ({status.detail or 'no detail'}). "
            "The log of the workers says more."
        )
    return f"a small file was uploaded, found and deleted in {took_seconds:.1f} s"


CHECKS = (
    Check(configuration),
    Check(database),
    Check(storage, needs=("database",)),
    Check(chunks, needs=("database",)),
    Check(clock, needs=("database",)),
    Check(sandbox),
    Check(server),
    Check(worker, needs=("database",)),
    Check(upload, needs=("storage", "database", "worker")),
)


def _database_time() -> datetime:
    if connection.vendor != "postgresql":
        return datetime.now(UTC)  # SQLite runs in this process, and has no clock
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return datetime.fromtimestamp(cursor.fetchone()[0], UTC)


def _get_health(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    client = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    host, port = parts.hostname or "", parts.port
    try:
        with closing(client(host, port, timeout=_TIMEOUT_SECONDS)) as server:
            server.request("GET", "/health/ready")
            response = server.getresponse()
            return response.status, response.read()
    except (OSError, HTTPException) as error:
        raise CheckFailed(
            f"Nothing answers at {url} ({error}). Start `symdepot serve`; if it runs, "
            "SYMDEPOT_PUBLIC_URL, or the proxy behind that name, points elsewhere."
        ) from error


def _problems(body: bytes) -> str:
    try:
        return ", ".join(json.loads(body)["problems"].values())
    except (ValueError, KeyError, AttributeError, TypeError):
        return "which is no answer of symdepot; another server answers there"
