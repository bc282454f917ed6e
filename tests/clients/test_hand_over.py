"""A real nginx, or a real bucket, sends files to real debuggers."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.clients import builds, nginx
from tests.clients.conftest import StartDepot
from tests.clients.debuggers import Seat, build_id_of, program
from tests.clients.depot import Depot
from tests.clients.wire import Wire, sha1
from tests.contracts.seaweed import S3Server

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def by_nginx(
    share_depot: StartDepot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Depot]:
    """A depot, to be reached through nginx."""
    depot = share_depot(downloads="accel", workers=1)
    folder = tmp_path_factory.mktemp("nginx")
    with nginx.before(depot.url, depot.blobs, folder) as url:
        yield replace(depot, wire=replace(depot.wire, url=url))


@pytest.fixture(scope="module")
def by_bucket(share_depot: StartDepot, s3_server: S3Server) -> Depot:
    """A depot that sends its clients to a bucket."""
    url = s3_server.url(uuid4().hex)
    return share_depot(downloads="redirect", blob_url=url, workers=1)


@pytest.fixture(params=["by_nginx", "by_bucket"])
def depot(request: pytest.FixtureRequest) -> Depot:
    handing: Depot = request.getfixturevalue(request.param)
    return handing


@pytest.fixture
def seat(depot: Depot, tmp_path: Path) -> Seat:
    token = depot.told("token", "create", "default", "--url").strip()
    home = tmp_path / "home"
    home.mkdir()
    return Seat(home, f"{depot.wire.url}/s/{token}/")


@pytest.fixture
def stripped(depot: Depot, tmp_path: Path) -> Path:
    """A stripped program; the depot has what it lacks."""
    path = builds.compiled(tmp_path)
    companion = builds.companion(path)
    depot.wire.upload(companion.read_bytes(), companion.name)
    return builds.stripped(path)


def test_nginx_sends_files_to_debuggers(
    depot: Depot, seat: Seat, stripped: Path, tmp_path: Path
) -> None:
    companion = (tmp_path / "hello.debug").read_bytes()
    (tmp_path / "hello.debug").unlink()

    found = seat.said("debuginfod-find", "debuginfo", build_id_of(stripped)).strip()
    by_gdb = seat.asking(seat.url).said(
        *("gdb", "-batch", "-nx", "-iex", "set debuginfod enabled on"),
        *("-ex", "info line main", stripped),
    )
    by_llvm = seat.asking(seat.url).said(
        "llvm-debuginfod-find-19", "--debuginfo", build_id_of(stripped)
    )

    assert Path(found).read_bytes() == companion
    assert 'hello.c" starts at address' in by_gdb
    assert Path(by_llvm.strip()).read_bytes() == companion


def fetched(wire: Wire, path: str, *options: str) -> bytes:
    """Return what curl brings, wherever it is sent for it."""
    words = [
        *(program("curl"), "--silent", "--show-error", "--location", "--fail"),
        *("--header", f"Authorization: Bearer {wire.token}", *options),
        f"{wire.url}{path}",
    ]
    return subprocess.run(words, check=True, capture_output=True, timeout=60).stdout  # noqa: S603 -- our own words


def test_nginx_sends_ranges(depot: Depot, stripped: Path) -> None:
    path = f"/buildid/{build_id_of(stripped)}/debuginfo"
    whole = fetched(depot.wire, path)

    parts = [fetched(depot.wire, path, "--range", of) for of in ("5-99", "100-", "-7")]

    assert parts == [whole[5:100], whole[100:], whole[-7:]]


def test_nginx_sends_files_to_symbolicator(depot: Depot, stripped: Path) -> None:
    [row] = depot.wire.files(code_id=build_id_of(stripped))
    path = f"{depot.wire.files_path}/dsyms/?id={row['id']}"

    content = fetched(depot.wire, path, "--range", "0-134217727")

    assert sha1(content) == row["sha1"]


def test_nginx_sends_the_same_headers(by_nginx: Depot, tmp_path: Path) -> None:
    companion = builds.companion(builds.compiled(tmp_path))
    content = companion.read_bytes()
    by_nginx.wire.upload(content, companion.name)
    path = f"/buildid/{build_id_of(companion)}/debuginfo"
    port = by_nginx.environment["SYMDEPOT_PORT"]
    past_it = replace(by_nginx.wire, url=f"http://127.0.0.1:{port}")
    own = ["server", "date", "connection"]

    for method in ("GET", "HEAD"):
        told = [wire.ask(method, path) for wire in (by_nginx.wire, past_it)]
        assert told[0].content == told[1].content
        through, direct = (
            {k.lower(): v for k, v in one.headers.items() if k.lower() not in own}
            for one in told
        )
        assert through == direct


def test_nginx_resumes_a_download_by_etag(by_nginx: Depot, tmp_path: Path) -> None:
    content = builds.symbols()
    debug_id = by_nginx.wire.upload(content, "hello.sym")["dif"]["debugId"]
    path = f"/hello/{debug_id.replace('-', '').upper()}0/hello.sym"
    tag = f'"{sha1(content)}"'

    def ask(**headers: str) -> tuple[int, bytes]:
        named = [(k.replace("_", "-"), v) for k, v in headers.items()]
        answer = by_nginx.wire.ask("GET", path, headers=named)
        return answer.status, answer.content

    assert ask(Range="bytes=3-", If_Range=tag) == (206, content[3:])
    assert ask(Range="bytes=3-", If_Range='"other"') == (200, content)
    assert ask(Range=f"bytes={len(content)}-")[0] == 416
    assert ask(If_None_Match=tag) == (304, b"")
    assert ask(If_None_Match='"other"') == (200, content)


def test_blobs_are_not_reachable_directly(by_nginx: Depot) -> None:
    content = builds.symbols()
    by_nginx.wire.upload(content, "hello.sym")
    place = f"{sha1(content)[:2]}/{sha1(content)[2:4]}/{sha1(content)}"
    assert (by_nginx.blobs / place).exists()

    answer = by_nginx.wire.ask("GET", f"/.blobs/{place}")

    assert answer.status == 404
    assert answer.content != content
