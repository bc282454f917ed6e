"""What a client is told, or tells itself, about how and what to upload."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.clients import builds, wire, wiretap
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import RunResult, SentryCli
from tests.clients.wiretap import Wiretap

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

_LARGEST_BYTES = 64 * 1024
_REFUSES_ALL_FOR_ONE_TOO_LARGE = (2, 41, 0)
_REQUEST_LINE = re.compile(rb"(?:GET|POST) /api/0/\S+ HTTP/1\.1\r\n")


@pytest.fixture(scope="session")
def tap() -> Iterator[Wiretap]:
    with wiretap.opened() as opened:
        yield opened


@pytest.fixture
def strict(share_depot: StartDepot) -> Depot:
    return share_depot(max_file_size=_LARGEST_BYTES, web_workers=1, workers=1)


@pytest.fixture
def overheard(share_depot: StartDepot, tap: Wiretap) -> Depot:
    depot = share_depot(
        public_url=tap.url, chunk_size=4096, chunks_per_request=1, web_workers=1
    )
    tap.lead_to(depot.wire.address)
    tap.exchanges.clear()
    return depot


@pytest.mark.all_versions
@pytest.mark.conformance(26)
def test_a_client_does_not_send_a_file_above_the_size_limit(
    cli: SentryCli, strict: Depot, tmp_path: Path
) -> None:
    client = strict.client(cli)
    small = builds.compiled(tmp_path, "small")
    large = builds.enlarged(builds.compiled(tmp_path, "large"), bytes(_LARGEST_BYTES))

    ended = client.upload("--wait", small, large)

    if cli.number >= _REFUSES_ALL_FOR_ONE_TOO_LARGE:
        assert ended.exit_code == 1
        assert "exceeds the maximum allowed size" in ended.reported
        assert strict.wire.files(debug_id=builds.debug_id(small)) == []
    else:
        assert (ended.exit_code, ended.lines[-1].split()[:2]) == (
            0,
            ["OK", builds.debug_id(small)],
        )
    assert strict.wire.files(debug_id=builds.debug_id(large)) == []


@pytest.mark.conformance(26)
def test_a_file_of_the_maximum_size_is_sent_and_one_byte_more_is_refused(
    cli: SentryCli, strict: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    largest = path.read_bytes().ljust(_LARGEST_BYTES, b"\0")
    path.write_bytes(largest)

    ended = strict.client(cli).upload("--wait", path)
    refused = strict.wire.upload(largest + b"\0", "hello")

    assert (ended.exit_code, ended.lines[-1].split()[:2]) == (
        0,
        ["OK", builds.debug_id(path)],
    )
    assert (refused["state"], refused["detail"]) == (
        "error",
        f"File hello exceeds maximum size ({_LARGEST_BYTES + 1} > {_LARGEST_BYTES})",
    )


@pytest.mark.conformance(28)
@pytest.mark.parametrize("keeps", ["true", "false"])
def test_uploads_work_with_and_without_keep_alive(
    cli: SentryCli, overheard: Depot, tap: Wiretap, tmp_path: Path, *, keeps: str
) -> None:
    (cli.home / ".sentryclirc").write_text(f"[http]\nkeepalive = {keeps}\n")
    path = builds.compiled(tmp_path)

    ended = overheard.client(cli).upload("--wait", path)

    (cli.home / ".sentryclirc").unlink()
    requests = [len(_REQUEST_LINE.findall(bytes(e.request))) for e in tap.exchanges]
    chunks = wire.pieces(path.read_bytes(), 4096)
    assert (ended.exit_code, ended.lines[-1].split()[:2]) == (
        0,
        ["OK", builds.debug_id(path)],
    )
    assert sum(requests) > len(set(chunks))
    assert (max(requests) > 1) == (keeps == "true")
    assert list(overheard.wire.copies(builds.debug_id(path)).values()) == [
        path.read_bytes()
    ]


@pytest.mark.conformance(29)
def test_only_the_file_with_the_requested_id_is_sent(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    wanted, other = (builds.compiled(tmp_path, name) for name in ("wanted", "other"))

    ended = _upload_required(client, tmp_path, builds.debug_id(wanted))

    assert (ended.exit_code, ended.lines[-1].split()[:2]) == (
        0,
        ["OK", builds.debug_id(wanted)],
    )
    assert list(depot.wire.copies(builds.debug_id(wanted)).values()) == [
        wanted.read_bytes()
    ]
    assert depot.wire.files(debug_id=builds.debug_id(other)) == []


@pytest.mark.conformance(29)
def test_a_requested_id_without_a_file_is_reported(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path, nowhere = builds.compiled(tmp_path), str(uuid4())

    ended = _upload_required(client, tmp_path, builds.debug_id(path), nowhere)

    assert ended.exit_code == 1
    assert nowhere in ended.stdout + ended.stderr
    assert list(depot.wire.copies(builds.debug_id(path)).values()) == [
        path.read_bytes()
    ]


def _upload_required(client: SentryCli, folder: Path, *ids: str) -> RunResult:
    """Upload what has one of `ids`; the client is to fail if one of them is missed."""
    wanted = [word for debug_id in ids for word in ("--id", debug_id)]
    return client.upload("--require-all", *wanted, folder)
