"""Garbage collection runs beside uploads and deletions without losing a file."""

import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path

import pytest
from tests import environment
from tests.clients import builds, wire
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.both_databases,
]

SECONDS = 60 if environment.IS_THOROUGH else 45
SENDERS = 3
_SHARED = b"INFO URL shared by many\n" * 20
_GRACE_HOURS = 20 / 3600
"""Longer than an upload here takes, and short enough to be over many times."""


@dataclass(slots=True)
class Kept:
    """What was said to be ok and has not been deleted: row ids, and their bytes."""

    files: dict[str, bytes] = field(default_factory=dict)
    deleted: int = 0
    swept: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_one(self) -> tuple[str, bytes] | None:
        with self.lock:
            if len(self.files) < 2 * SENDERS:
                return None
            row = random.choice(list(self.files))  # noqa: S311  # no secret
            self.deleted += 1
            return row, self.files.pop(row)


def test_gc_beside_uploads_and_deletions_loses_nothing(
    start_depot: StartDepot, newest: SentryCli, tmp_path: Path
) -> None:
    # A blob without a row may go within a second: whoever sent it is told to send it
    # again. A chunk without a file has to outlast the upload that it belongs to.
    depot = start_depot(
        keep_unassembled=_GRACE_HOURS, orphan_grace=1 / 3600, chunk_size=1024
    )
    kept, client = Kept(), depot.client(newest)
    series = builds.Series.of(tmp_path / "series", filling_bytes=4096)

    def a_file() -> Path:
        path = tmp_path / f"{secrets.token_hex(8)}.elf"
        path.write_bytes(series.next())
        return path

    with _over_and_over(
        *[lambda: _upload(depot, kept)] * SENDERS,
        lambda: _upload_by_client(depot, kept, client, a_file()),
        lambda: _delete(depot, kept),
        lambda: _leave_lying(depot),
        lambda: _sweep(depot, kept),
    ):
        time.sleep(SECONDS)

    assert len(kept.files) > 20
    assert kept.deleted > 5
    assert kept.swept > 0
    for row, content in kept.files.items():
        assert depot.wire.download(row) == content
    report = json.loads(depot.told("fsck", "--json"))
    assert report["findings"] == []
    assert report["files"] == len(set(kept.files.values()))


def _upload(depot: Depot, kept: Kept) -> None:
    """Upload a file of which half is in many others, as sentry-cli would."""
    content = builds.symbols().ljust(1024, b"\n") + _SHARED
    if secrets.randbelow(2):
        content += secrets.token_hex(1024).encode()
    _finish(depot, kept, content)


def _finish(depot: Depot, kept: Kept, content: bytes) -> None:
    checksum = wire.sha1(content)
    offered = {checksum: wire.described(content, name="a.sym", chunk_size=1024)}
    parts = {wire.sha1(part): part for part in wire.pieces(content, 1024)}
    while True:
        told = depot.wire.assemble(offered)[checksum]
        if told["state"] == "ok":
            break
        assert told["state"] in {"not_found", "assembling"}, told
        for some in batched(told["missingChunks"], 2):
            _send(depot, [parts[name] for name in some])
    with kept.lock:
        kept.files[told["dif"]["id"]] = content


def _send(depot: Depot, parts: list[bytes]) -> None:
    """Send as clients do, which try again what is refused for the moment."""
    for _ in range(5):
        answer = depot.wire.send(*parts)
        if answer.status != 503:
            break
        time.sleep(0.1)
    assert answer.status == 200, answer


def _upload_by_client(depot: Depot, kept: Kept, client: SentryCli, path: Path) -> None:
    ended = client.upload("--wait", path)
    assert ended.exit_code == 0, ended
    (found,) = depot.wire.files(debug_id=builds.debug_id(path))
    with kept.lock:
        kept.files[found["id"]] = path.read_bytes()
    path.unlink()


def _delete(depot: Depot, kept: Kept) -> None:
    if one := kept.take_one():
        row, content = one
        path = f"{depot.wire.files_path}/dsyms/?id={row}"
        assert depot.wire.ask("DELETE", path).status == 204
        # As often as not somebody wants it back at once.
        if secrets.randbelow(2):
            _finish(depot, kept, content)
    time.sleep(0.05)


def _leave_lying(depot: Depot) -> None:
    """Send what nobody will ever assemble, and offer what nobody will ever send."""
    _send(depot, [secrets.token_bytes(512)])
    content = builds.symbols()
    depot.wire.assemble(
        {wire.sha1(content): wire.described(content, name="b", chunk_size=1024)}
    )
    time.sleep(0.2)


def _sweep(depot: Depot, kept: Kept) -> None:
    kept.swept += json.loads(depot.told("gc", "--json"))["count"]


@contextmanager
def _over_and_over(*deeds: Callable[[], None]) -> Iterator[None]:
    """Do all of these, each in a thread of its own, until the end of the block."""
    over = threading.Event()

    def do(deed: Callable[[], None]) -> None:
        while not over.is_set():
            deed()

    with ThreadPoolExecutor(len(deeds)) as threads:
        doing = [threads.submit(do, deed) for deed in deeds]
        try:
            yield
        finally:
            over.set()
    for done in doing:
        done.result()
