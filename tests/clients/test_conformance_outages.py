"""The server is killed, restarted, cut off: what becomes of the clients at work."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import pytest
from tests import installations
from tests.clients import builds, crashing, outages, proxy, sentry_cli, wire
from tests.clients.builds import Series
from tests.clients.outages import Trigger
from tests.clients.proxy import Passed, Proxy
from tests.clients.sentry_cli import RunResult, SentryCli
from tests.clients.wire import Wire
from tests.installations import Installation, RunningServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.both_databases,
]

CHUNK_BYTES = 2048
WAITS_FOR_A_TIME = (2, 21, 0)
_FILENAME = re.compile(rb'; filename="([0-9a-f]{40})"')
_ASSEMBLE, _CHUNKS = "/difs/assemble/", "/chunk-upload/"


@dataclass(slots=True)
class House:
    """An installation whose server comes and goes, behind a proxy that stays."""

    installation: Installation
    proxy: Proxy
    home: Path
    token: str = ""

    @property
    def wire(self) -> Wire:
        return Wire(self.proxy.url, self.token, "default", "default")

    def clients(self, **settings: str) -> list[SentryCli]:
        """All versions of the client, configured to speak to the proxy."""
        variables = {
            "SENTRY_URL": self.proxy.url,
            "SENTRY_ORG": self.wire.organization,
            "SENTRY_PROJECT": self.wire.project,
            "SENTRY_AUTH_TOKEN": self.token,
            # A server on a busy machine may take longer to start than five retries.
            "SENTRY_HTTP_MAX_RETRIES": "30",
            **settings,
        }
        return [
            SentryCli(version, sentry_cli.fetched(version), self.home, variables)
            for version in sentry_cli.VERSIONS
        ]

    @contextmanager
    def open(self, *arguments: str) -> Iterator[RunningServer]:
        """Run the server; what comes to the proxy goes there."""
        with self.installation.serving(*arguments) as server:
            self.token = self.token or server.token
            self.proxy.server = ("127.0.0.1", server.port)
            yield server


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with (
        proxy.opened() as front,
        installations.an_installation(tmp_path) as installation,
    ):
        settings: dict[str, object] = {
            "PUBLIC_URL": front.url,
            "CHUNK_SIZE": CHUNK_BYTES,
            "CHUNKS_PER_REQUEST": 2,
            "UPLOAD_CONCURRENCY": 1,
            "WEB_WORKERS": 1,
            "WORKERS": 1,
            "ASSEMBLE_WAIT": 0,
        }
        home = tmp_path / "home"
        home.mkdir()
        yield House(replace(installation, settings=settings), front, home)


@pytest.mark.conformance(22)
def test_chunks_confirmed_before_a_kill_are_not_sent_again(
    house: House, tmp_path: Path
) -> None:
    with house.open() as server:
        clients = house.clients(SENTRY_HTTP_MAX_RETRIES="0")
        paths = _programs(tmp_path, len(clients))
        house.proxy.before_answer = Trigger(
            2 * len(clients), _carries_chunks, lambda: outages.kill(server)
        )
        broken = _all_upload(clients, paths)
    confirmed = {
        c for one in house.proxy.passed if one.status == 200 for c in _sent(one)
    }
    house.proxy.before_answer = None
    house.proxy.passed.clear()

    with house.open():
        ends = _all_upload(clients, paths, "--wait")

        assert [end.exit_code for end in broken] == [1] * len(clients)
        assert [_last(end) for end in ends] == _ok(paths)
        sent = [chunk for one in house.proxy.passed for chunk in _sent(one)]
        assert confirmed
        assert sent
        assert confirmed.isdisjoint(sent)
        assert set(sent) == _missing(house)
        _are_kept_as_they_were(house, paths)


@pytest.mark.conformance(22)
def test_no_chunk_is_sent_again_after_a_kill_behind_the_last_chunk(
    house: House, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    requests = -(-len(wire.pieces(path.read_bytes(), CHUNK_BYTES)) // 2)
    with house.open("--workers", "0") as server:
        client, *_ = house.clients(SENTRY_HTTP_MAX_RETRIES="0")
        house.proxy.before_answer = Trigger(
            requests, _carries_chunks, lambda: outages.kill(server)
        )
        broken = client.upload(path)
    house.proxy.before_answer = None
    house.proxy.passed.clear()

    with house.open():
        crashing.comes_true(lambda: bool(house.wire.files()), within_seconds=60)
        found = _standing(house, path)
        ends = [client.upload(path) for client in house.clients()]

        assert (broken.exit_code, "bad gateway" in broken.reported) == (1, True)
        assert found == ("ok", None)
        nothing = "> Nothing to upload, all files are on the server"
        assert [(end.exit_code, end.lines[-1]) for end in ends] == [(0, nothing)] * 4
        assert [chunk for one in house.proxy.passed for chunk in _sent(one)] == []
        _are_kept_as_they_were(house, [path])


@pytest.mark.conformance(23)
@pytest.mark.parametrize("status", [HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT])
def test_a_waiting_client_survives_a_restart_behind_a_proxy(
    house: House, tmp_path: Path, status: HTTPStatus
) -> None:
    house.proxy.unavailable = status
    with house.open("--workers", "0") as server:
        clients = house.clients()
        paths = _programs(tmp_path, len(clients))
        waiting = _all_begin(clients, paths, "--wait")
        assert crashing.comes_true(
            lambda: all(_polls(house, path) >= 2 for path in paths), within_seconds=60
        )
        outages.kill(server)
        assert crashing.comes_true(
            lambda: _answers(house, status) >= len(clients), within_seconds=60
        )

    with house.open():
        ends = [sentry_cli.wait(process) for process in waiting]

        assert [_last(end) for end in ends] == _ok(paths)
        _are_kept_as_they_were(house, paths)


@pytest.mark.conformance(24)
def test_clients_survive_a_storage_outage(house: House, tmp_path: Path) -> None:
    with house.open():
        clients = house.clients()
        paths = _programs(tmp_path, len(clients))
        assert house.wire.send(b"the first chunk of all").status == 200
        with outages.storage_away(house.installation.data_dir / "blobs"):
            waiting = _all_begin(clients, paths, "--wait")
            assert crashing.comes_true(
                lambda: _answers(house, 503) >= len(clients), within_seconds=60
            )

        ends = [sentry_cli.wait(process) for process in waiting]

        assert [_last(end) for end in ends] == _ok(paths)
        assert {one.status for one in house.proxy.passed} == {200, 503}
        _are_kept_as_they_were(house, paths)


@pytest.mark.conformance(24)
def test_clients_survive_a_database_outage(house: House, tmp_path: Path) -> None:
    # Clients before 2.46 do not ask again how to send chunks, so all ask before.
    with house.open(), ExitStack() as away:
        clients = house.clients()
        paths = _programs(tmp_path, len(clients))
        house.proxy.before_answer = Trigger(
            len(clients),
            _asks_how,
            lambda: away.enter_context(
                outages.database_away(house.installation.database_url)
            ),
        )
        waiting = _all_begin(clients, paths, "--wait")
        is_refused = crashing.comes_true(
            lambda: _answers(house, 503) > 0, within_seconds=60
        )
        away.close()

        ends = [sentry_cli.wait(process) for process in waiting]

        assert is_refused
        assert [_last(end) for end in ends] == _ok(paths)
        assert {one.status for one in house.proxy.passed} == {200, 503}
        _are_kept_as_they_were(house, paths)


@pytest.mark.conformance(25)
def test_waiting_for_a_stalled_worker_times_out_with_a_reason(
    house: House, tmp_path: Path
) -> None:
    with house.open() as server:
        clients = [c for c in house.clients() if c.number >= WAITS_FOR_A_TIME]
        paths = _programs(tmp_path, len(clients))
        with outages.stalled(server):
            late = _all_upload(clients, paths, "--wait-for", "3")
        ends = _all_upload(clients, paths, "--wait")

        assert len(clients) == len(sentry_cli.VERSIONS) - 1
        assert [(end.exit_code, end.lines[-2:]) for end in late] == [
            (
                1,
                [
                    f"ERROR {path.name}",
                    "The file is still processing and not ready yet",
                ],
            )
            for path in paths
        ]
        assert [end.exit_code for end in ends] == [0] * len(clients)
        _are_kept_as_they_were(house, paths)


def _carries_chunks(one: Passed) -> bool:
    return one.path.endswith(_CHUNKS) and bool(one.request)


def _asks_how(one: Passed) -> bool:
    return one.path.endswith(_CHUNKS) and not one.request


def _sent(one: Passed) -> list[str]:
    return [name.decode() for name in _FILENAME.findall(one.request)]


def _missing(house: House) -> set[str]:
    """Return all chunks that the server has called missing."""
    return {
        chunk
        for one in house.proxy.to(_ASSEMBLE)
        for standing in one.json().values()
        for chunk in standing["missingChunks"]
    }


def _standing(house: House, path: Path) -> tuple[str, str | None]:
    checksum = wire.sha1(path.read_bytes())
    answer = house.wire.assemble({checksum: {"name": path.name, "chunks": []}})
    return answer[checksum]["state"], answer[checksum]["detail"]


def _answers(house: House, status: int) -> int:
    return sum(one.status == status for one in house.proxy.passed)


def _polls(house: House, path: Path) -> int:
    """Return how often it was asked where the file stands, and answered."""
    checksum = wire.sha1(path.read_bytes()).encode()
    asked = house.proxy.to(_ASSEMBLE)
    return sum(one.status == 200 and checksum in one.request for one in asked)


def _programs(folder: Path, count: int) -> list[Path]:
    """Make programs that have no more than their beginnings in common."""
    series = Series.of(folder / "first", filling_bytes=20 * CHUNK_BYTES)
    paths = [folder / f"of{n}" for n in range(count)]
    for path in paths:
        path.write_bytes(series.next())
    return paths


def _all_begin(
    clients: list[SentryCli], paths: list[Path], *options: str
) -> list[subprocess.Popen[str]]:
    """Let each client upload one of `paths`, all at once."""
    return [
        client.started("debug-files", "upload", *options, path)
        for client, path in zip(clients, paths, strict=True)
    ]


def _all_upload(
    clients: list[SentryCli], paths: list[Path], *options: str
) -> list[RunResult]:
    begun = _all_begin(clients, paths, *options)
    return [sentry_cli.wait(process) for process in begun]


def _last(end: RunResult) -> tuple[int, list[str]]:
    """Return what matters of how a client ended, or all that it said if it failed."""
    if end.exit_code:
        return end.exit_code, [*end.lines, end.reported]
    return end.exit_code, end.lines[-1].split()[:2]


def _ok(paths: list[Path]) -> list[tuple[int, list[str]]]:
    return [(0, ["OK", builds.debug_id(path)]) for path in paths]


def _are_kept_as_they_were(house: House, paths: list[Path]) -> None:
    copies = [house.wire.copies(builds.debug_id(path)) for path in paths]
    contents = [path.read_bytes() for path in paths]
    assert [list(found.values()) for found in copies] == [[c] for c in contents]
