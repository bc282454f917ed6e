"""Whatever is killed, whenever: what was said to be there is there, and all gets done."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.clients import crashing, wire, wiretap
from tests.clients.builds import Series
from tests.clients.conftest import StartDepot
from tests.clients.crashing import Killer
from tests.clients.depot import Depot
from tests.clients.sentry_cli import RunResult, SentryCli
from tests.clients.wiretap import Wiretap

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

FILES = 60
KILLS = 20
MOST_RUNS = 80
FAULTS = Path(__file__).parent / "faults"
RECOVERY_SECONDS = 60


@pytest.fixture
def tap() -> Iterator[Wiretap]:
    with wiretap.opened() as opened:
        yield opened


def test_an_upload_survives_twenty_crashes(
    start_depot: StartDepot, newest: SentryCli, tap: Wiretap, tmp_path: Path
) -> None:
    depot = start_depot(
        public_url=tap.url, lease=2, chunk_size=4096, chunks_per_request=8
    )
    tap.lead_to(depot.wire.address)
    series = Series.of(tmp_path / "first", filling_bytes=80_000)
    client = depot.client(newest)
    folders: list[Path] = []
    runs: list[RunResult] = []
    killer = Killer(lambda: _everybody(depot), KILLS, (0.05, 0.8))

    # Should one be done before enough has been suffered, there is another.
    while not killer.is_done:
        folders.append(_filled(tmp_path / f"upload{len(folders)}", series))
        ended = None
        while ended is None or ended.exit_code != 0:
            assert len(runs) < MOST_RUNS, ended
            assert crashing.comes_true(depot.answers, within_seconds=RECOVERY_SECONDS)
            with killer.at_work():
                ended = client.upload("--wait", folders[-1])
            runs.append(ended)

    sent = {wire.sha1(c): c for c in _contents(folders)}
    kept = {row["sha1"]: row["id"] for row in depot.wire.all_files()}
    assert kept.keys() == sent.keys()
    assert _said_to_be_ok(tap) == sent.keys()
    assert [
        sha1 for sha1 in sent if depot.wire.download(kept[sha1]) != sent[sha1]
    ] == []
    assert crashing.tally(depot) == crashing.whole(len(sent))


@pytest.mark.parametrize(
    "moment",
    [
        "after incoming.verify_content",
        "before operations.inspect",
        "after operations.inspect",
        "before chunks.record_file",
        "after assembly.finish",
        "after steps.assemble",
    ],
)
def test_work_of_a_killed_worker_is_finished_without_the_client(
    share_depot: StartDepot, tmp_path: Path, moment: str
) -> None:
    depot = share_depot(faults=FAULTS, lease=1, assemble_wait=0)
    content = Series.of(tmp_path / "first", filling_bytes=10).next()

    _hand_in(depot, content, moment)

    assert crashing.comes_true(
        lambda: _is_done(depot, content), within_seconds=RECOVERY_SECONDS
    )
    assert not _is_still_to_come(depot, moment)
    (row,) = [r for r in depot.wire.all_files() if r["sha1"] == wire.sha1(content)]
    assert depot.wire.download(row["id"]) == content


def test_work_is_taken_over_within_a_minute_with_default_settings(
    start_depot: StartDepot, tmp_path: Path
) -> None:
    depot = start_depot(faults=FAULTS)
    content = Series.of(tmp_path / "first", filling_bytes=10).next()

    _hand_in(depot, content, "before operations.inspect")

    assert crashing.comes_true(
        lambda: _is_done(depot, content), within_seconds=RECOVERY_SECONDS
    )
    assert not _is_still_to_come(depot, "before operations.inspect")
    assert crashing.tally(depot) == crashing.whole(1)


def _filled(folder: Path, series: Series) -> Path:
    folder.mkdir()
    for number in range(FILES):
        (folder / f"program{number}").write_bytes(series.next())
    return folder


def _contents(folders: list[Path]) -> list[bytes]:
    return [path.read_bytes() for folder in folders for path in folder.iterdir()]


def _everybody(depot: Depot) -> dict[str, list[psutil.Process]]:
    # Workers and web processes come in pairs; the one that listens is alone.
    return {
        "worker": depot.workers_at_work(),
        "web": depot.web_processes(),
        "listening": depot.listening(),
    }


def _said_to_be_ok(tap: Wiretap) -> set[str]:
    """Return the files that any answer has called `ok`."""
    answers = [exchange.json() or {} for exchange in tap.to("/difs/assemble/")]
    return {
        checksum
        for answer in answers
        for checksum, standing in answer.items()
        if standing["state"] == "ok"
    }


def _hand_in(depot: Depot, content: bytes, moment: str) -> None:
    """Offer a file and send it, in two requests, and ask no more.

    The worker that comes to `moment` with it dies.
    """
    (depot.folder / "die").mkdir(exist_ok=True)
    (depot.folder / "die" / moment).touch()
    checksum = wire.sha1(content)
    described = wire.described(content, name="program", chunk_size=len(content))
    assert depot.wire.assemble({checksum: described})[checksum]["state"] == "not_found"
    assert depot.wire.send(content).status == 200


def _is_done(depot: Depot, content: bytes) -> bool:
    rows = depot.database.rows("SELECT checksum FROM uploads_assembly WHERE state='ok'")
    return (wire.sha1(content),) in rows


def _is_still_to_come(depot: Depot, moment: str) -> bool:
    return (depot.folder / "die" / moment).exists()
