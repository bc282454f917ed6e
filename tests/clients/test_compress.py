"""What is compressed on its way is whole again when it is there."""

import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.clients import builds, wiretap
from tests.clients.conftest import StartDepot
from tests.clients.debuggers import Seat, build_id_of
from tests.clients.depot import Depot
from tests.clients.wiretap import Wiretap

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def depot(share_depot: StartDepot) -> Depot:
    """A depot that compresses for its neighbours, too."""
    return share_depot(download_compression="always", workers=1)


@pytest.fixture
def tap(depot: Depot) -> Iterator[Wiretap]:
    with wiretap.opened() as tap:
        tap.lead_to(depot.wire.address)
        yield tap


@pytest.fixture
def companion(depot: Depot, tmp_path: Path) -> Path:
    """Debug information that is worth compressing, and lies on the depot."""
    path = builds.companion(builds.enlarged(builds.compiled(tmp_path), b"na" * 50_000))
    depot.wire.upload(path.read_bytes(), path.name)
    return path


def test_debuginfod_find_decompresses_the_answer(
    depot: Depot, tap: Wiretap, companion: Path, tmp_path: Path
) -> None:
    token = depot.told("token", "create", "default", "--url").strip()
    content = companion.read_bytes()
    home = tmp_path / "home"
    home.mkdir()
    seat = Seat(home, f"{tap.url}/s/{token}/")

    found = seat.said("debuginfod-find", "debuginfo", build_id_of(companion)).strip()

    [exchange] = tap.to("/debuginfo")
    head = bytes(exchange.answer).partition(b"\r\n\r\n")[0].lower()
    assert Path(found).read_bytes() == content
    assert b"content-encoding: zstd" in head
    assert f"x-debuginfod-size: {len(content)}".encode() in head
    assert len(exchange.answer) < len(content) / 2


@pytest.mark.parametrize(
    ("coding", "unpacked"), [("gzip", gzip.decompress), ("zstd", zstd.decompress)]
)
def test_the_answer_names_its_content_encoding(
    depot: Depot, companion: Path, coding: str, unpacked: Callable[[bytes], bytes]
) -> None:
    path = f"/buildid/{build_id_of(companion)}/debuginfo"
    asked = [("Accept-Encoding", coding)]

    got, head = (depot.wire.ask(m, path, headers=asked) for m in ("GET", "HEAD"))

    assert unpacked(got.content) == companion.read_bytes()
    assert got.headers["content-encoding"] == coding
    assert "content-length" not in got.headers
    framing = {"date", "transfer-encoding"}
    of_get, of_head = (
        {k: v for k, v in one.headers.items() if k not in framing}
        for one in (got, head)
    )
    assert of_get == of_head
