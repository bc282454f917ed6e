"""What `symdepot doctor` looks at, in this order. Each check ends in one sentence."""

import http.client
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import SymdepotError
from symdepot.domain.ids import Checksum
from symdepot.sandbox import operations
from symdepot.server import config, startup_checks
from symdepot.server.config import Misconfigured
from symdepot.server.doctor import self_test

_RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
_CLOCKS_MAY_DIFFER = timedelta(seconds=2)
_PATIENCE_SECONDS = 10.0


class CheckFailed(Exception):
    """Something is wrong; the text says what, and what to do about it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a check. `is_well` is None if it was not made."""

    subject: str
    is_well: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at, if all that it `needs` is well."""

    look: Callable[[], str]
    needs: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.look.__name__

    def find(self) -> CheckResult:
        """Look, and say what was found."""
        try:
            return CheckResult(self.subject, is_well=True, sentence=self.look())
        except (
            CheckFailed,
            Misconfigured,
            SymdepotError,
            DatabaseError,
            OSError,
        ) as error:
            return CheckResult(self.subject, is_well=False, sentence=str(error).strip())
        except Exception as error:  # noqa: BLE001 -- whatever it is, the operator is told
            return CheckResult(self.subject, is_well=False, sentence=repr(error))


def run_checks() -> Iterator[CheckResult]:
    """Make all checks, in order; what rests on something unwell is not tried."""
    well: set[str] = set()
    for check in CHECKS:
        if lacking := [need for need in check.needs if need not in well]:
            yield CheckResult(
                check.subject, None, f"not tried, because of {' and '.join(lacking)}"
            )
            continue
        finding = check.find()
        if finding.is_well:
            well.add(check.subject)
        yield finding


def configuration() -> str:
    """Check that no setting is misspelt; wrong ones have ended the command before."""
    if names := config.unknown_variables():
        raise CheckFailed(
            f"{', '.join(names)}: there is no such setting, so it does nothing. "
            "Correct or unset it; docs/configuration.md has all of them."
        )
    storage = urlsplit(settings.BLOB_URL).scheme
    return (
        f"data in {settings.DATA_DIR}, rows in {connection.vendor}, bytes in {storage}"
    )


def storage() -> str:
    """Check that bytes can be kept, read again and forgotten."""
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
            "What was kept came back changed, or could not be deleted. Check the disk "
            "or bucket that SYMDEPOT_BLOB_URL names before you trust it."
        )
    startup_checks.check_download_offload()
    took_ms = (time.monotonic() - started_at) * 1000
    return f"bytes are kept, read again and deleted in {took_ms:.0f} ms"


def database() -> str:
    """Check that the database answers, and has the tables of this version."""
    startup_checks.check_database()
    executor = MigrationExecutor(connection)
    lacking = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if lacking:
        raise CheckFailed(
            f"The tables are not those of this version ({len(lacking)} changes are "
            "to be made). Start `symdepot serve`, or restart it after an upgrade."
        )
    return f"{connection.vendor} answers, and its tables are those of this version"


def clock() -> str:
    """Check that this machine and the database agree on what time it is."""
    now = datetime.now(UTC)
    if now < _RELEASED:
        raise CheckFailed(
            f"This machine's clock says {now:%Y-%m-%d %H:%M}, which is before this "
            "version was made. Set it, best by NTP: tokens and leases expire by it."
        )
    difference = abs(_database_time() - datetime.now(UTC))
    if difference > _CLOCKS_MAY_DIFFER:
        raise CheckFailed(
            f"The clocks of this machine and the database are "
            f"{difference.total_seconds():.0f} s apart. Set both by NTP: leases on "
            "files in work expire by them."
        )
    return f"it is {now:%Y-%m-%d %H:%M:%S} UTC, here and in the database"


def sandbox() -> str:
    """Check that a child process can read a small debug file."""
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=settings.SCRATCH_DIR) as file:
        file.write(self_test.tiny_symbol_file())
        file.flush()
        found = operations.inspect(Path(file.name), name="doctor.sym")
    return f"a child process read a small file of format {found[0].format}"


def server() -> str:
    """Check that the server answers where clients look for it."""
    status, body = _get(settings.PUBLIC_URL, "/health/ready")
    if status != http.HTTPStatus.OK:
        raise CheckFailed(
            f"{settings.PUBLIC_URL}/health/ready answers {status}: {_problems(body)}."
        )
    return f"{settings.PUBLIC_URL} answers, and is ready"


def worker() -> str:
    """Check that a background worker takes up a task."""
    took_seconds = self_test.time_worker(patience_seconds=_PATIENCE_SECONDS)
    if took_seconds is None:
        raise CheckFailed(
            f"No background worker took up a task in {_PATIENCE_SECONDS:.0f} s. Start "
            "`symdepot serve` or `symdepot worker` with these same settings; if they "
            "run, they are busy, and more of them may help."
        )
    return f"a background worker took up a task after {took_seconds:.1f} s"


def upload() -> str:
    """Check that a small file goes all the way, and delete it again."""
    outcome = self_test.upload(patience_seconds=_PATIENCE_SECONDS)
    if not outcome.is_ok:
        raise CheckFailed(
            f"A small upload ended as {outcome.state!r} ({outcome.detail or 'no word'}). "
            "The log of the workers says more."
        )
    return f"a small file was taken in, found and deleted in {outcome.seconds:.1f} s"


CHECKS = (
    Check(configuration),
    Check(storage),
    Check(database),
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


def _get(url: str, path: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = (
        http.client.HTTPSConnection
        if parts.scheme == "https"
        else http.client.HTTPConnection
    )
    line = kind(parts.hostname or "", parts.port, timeout=_PATIENCE_SECONDS)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CheckFailed(
            f"Nothing answers at {url} ({error}). Start `symdepot serve`; if it runs, "
            "SYMDEPOT_PUBLIC_URL, or the proxy behind that name, points elsewhere."
        ) from error
    finally:
        line.close()


def _problems(body: bytes) -> str:
    try:
        return ", ".join(json.loads(body)["problems"].values())
    except (ValueError, KeyError, AttributeError, TypeError):
        return "which is not what symdepot would say; something else answers there"
