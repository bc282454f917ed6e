"""Files in pieces: small ones, repeated ones, the same ones from all sides at once."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import builds, wire, wiretap
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli
from tests.clients.wiretap import Wiretap

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

MIB = 1 << 20
_FILENAME = re.compile(rb'; filename="([0-9a-f]{40})"')
_FIELD = re.compile(rb'form-data; name="(\w+)"')


@pytest.fixture(params=[2048, 8192])
def chunk_size(request: pytest.FixtureRequest) -> int:
    size: int = request.param
    return size


@pytest.fixture(scope="session")
def tap() -> Iterator[Wiretap]:
    with wiretap.opened() as opened:
        yield opened


@pytest.fixture
def small_chunks(share_depot: StartDepot, chunk_size: int, tap: Wiretap) -> Depot:
    depot = share_depot(
        chunk_size=chunk_size,
        upload_compression="gzip" if chunk_size == 8192 else "none",
        public_url=tap.url,
        web_workers=1,
        workers=1,
    )
    tap.lead_to(depot.wire.address)
    tap.exchanges.clear()
    return depot


@pytest.fixture
def crossed_requests(share_depot: StartDepot) -> Depot:
    return share_depot(chunk_size=MIB, max_request_size=4 * MIB)


@pytest.mark.conformance(5)
def test_a_file_in_many_chunks_is_assembled(
    cli: SentryCli, small_chunks: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path, source=".cpp")

    ended = small_chunks.client(cli).upload("--wait", path)

    assert (ended.exit_code, ended.lines[2:]) == (
        0,
        [
            "> Uploaded 1 missing debug information file",
            "> File processing complete:",
            f"OK {builds.debug_id(path)} (hello; {_seen(cli, path)})",
        ],
    )
    _is_kept_as_it_was(small_chunks, path)


@pytest.mark.conformance(5)
def test_repeated_chunks_are_kept_in_place(
    cli: SentryCli, small_chunks: Depot, chunk_size: int, tmp_path: Path
) -> None:
    repeats = b"repeated" * (40 * chunk_size // 8)
    path = builds.enlarged(builds.compiled(tmp_path), repeats)
    chunks = wire.pieces(path.read_bytes(), chunk_size)
    assert len(chunks) - len(set(chunks)) >= 38

    ended = small_chunks.client(cli).upload("--wait", path)

    assert (ended.exit_code, ended.lines[2:]) == (
        0,
        [
            "> Uploaded 1 missing debug information file",
            "> File processing complete:",
            f"OK {builds.debug_id(path)} (hello; {_seen(cli, path)})",
        ],
    )
    _is_kept_as_it_was(small_chunks, path)


def test_only_changed_chunks_are_sent(
    cli: SentryCli, small_chunks: Depot, tap: Wiretap, tmp_path: Path
) -> None:
    chunk_size: int = small_chunks.wire.options()["chunkSize"]
    client = small_chunks.client(cli)
    filling = random.Random(tmp_path.name).randbytes(20 * chunk_size)  # noqa: S311 -- to be the same again, not to be secret
    path = builds.enlarged(builds.compiled(tmp_path), filling)
    client.upload("--wait", path)
    content = path.read_bytes()
    changed = content.index(filling) + 10 * chunk_size
    content = content[:changed] + b"changed" + content[changed + 7 :]
    path.write_bytes(content)

    tap.exchanges.clear()

    ended = client.upload("--wait", path)

    start = changed - changed % chunk_size
    wanted = wire.sha1(content[start : start + chunk_size])
    (answer, *_) = [e.json() for e in tap.to("/difs/assemble/")]
    assert answer[wire.sha1(content)]["missingChunks"] == [wanted]
    (sent,) = [e.request for e in tap.to("/chunk-upload/") if b"filename=" in e.request]
    assert _FILENAME.findall(sent) == [wanted.encode()]
    assert ended.exit_code == 0
    assert content in small_chunks.wire.copies(builds.debug_id(path)).values()


@pytest.mark.conformance(6)
def test_concurrent_uploads_of_the_same_chunks_succeed(
    cli: SentryCli, crossed_requests: Depot, tmp_path: Path
) -> None:
    filling = random.Random(cli.version).randbytes(23 * MIB)  # noqa: S311 -- see above
    names = ("of-1", "of-2", "of-3", "of-4")
    paths = [builds.enlarged(builds.compiled(tmp_path, n), filling) for n in names]
    pieces = [set(wire.pieces(path.read_bytes(), MIB)) for path in paths]
    assert len(set.intersection(*pieces)) >= 20
    assert crossed_requests.wire.options()["concurrency"] == 8

    ended = crossed_requests.client(cli).upload("--wait", *paths)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 4 debug information files",
            "> Prepared debug information files for upload",
            "> Uploaded 4 missing debug information files",
            "> File processing complete:",
            *sorted(
                f"OK {builds.debug_id(path)} ({path.name}; {_seen(cli, path)})"
                for path in paths
            ),
        ],
    )
    for path in paths:
        _is_kept_as_it_was(crossed_requests, path)


def test_chunks_are_compressed_if_the_server_asks_for_it(
    cli: SentryCli, small_chunks: Depot, tap: Wiretap, tmp_path: Path
) -> None:
    asked = small_chunks.wire.options()["compression"]
    unlike_any = "".join(f"{n} of {tmp_path}\n" for n in range(1000)).encode()
    path = builds.enlarged(builds.compiled(tmp_path), unlike_any)

    ended = small_chunks.client(cli).upload("--wait", path)

    assert ended.exit_code == 0
    sent = [e.request for e in tap.to("/chunk-upload/") if b"filename=" in e.request]
    fields = {field for request in sent for field in _FIELD.findall(request)}
    assert fields == {b"file_gzip" if asked else b"file"}
    is_smaller = sum(len(request) for request in sent) < len(unlike_any) / 2
    assert is_smaller == (asked == ["gzip"])
    _is_kept_as_it_was(small_chunks, path)


def _seen(cli: SentryCli, path: Path) -> str:
    seen = cli.check(path)
    return f"{seen.arch} {seen.kind}"


def _is_kept_as_it_was(depot: Depot, path: Path) -> None:
    copies = depot.wire.copies(builds.debug_id(path))
    assert list(copies.values()) == [path.read_bytes()]
