"""Damage is found and healed by the next upload, and a quota is told, in the real client."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.clients import builds, wire, wiretap
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli
from tests.clients.wiretap import Wiretap

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.both_databases,
]

CHUNK = 1 << 20


def test_fsck_finds_a_flipped_byte_and_one_chunk_repairs_it(
    start_depot: StartDepot, newest: SentryCli, tmp_path: Path
) -> None:
    with wiretap.opened() as tap:
        depot = start_depot(chunk_size=CHUNK, public_url=tap.url, symcaches=False)
        tap.lead_to(depot.wire.address)
        client = depot.client(newest)
        path = builds.enlarged(builds.compiled(tmp_path), b"filling" * CHUNK)
        content = path.read_bytes()
        assert client.upload("--wait", path).exit_code == 0
        (row,) = depot.wire.files(debug_id=builds.debug_id(path))
        bad = wire.sha1(wire.pieces(content, CHUNK)[2])

        flip_a_byte(depot.blobs / bad[:2] / bad[2:4] / bad)

        status, report = fsck(depot)
        assert status == 1
        (finding,) = report["findings"]
        assert (finding["fault"], finding["checksum"]) == ("damaged", bad)
        (name,) = finding["heals_by_upload_of"]
        assert row["debugId"] in name
        # Sizes are right, so whoever does not read sees nothing.
        assert fsck(depot, "--quick")[0] == 0

        status, report = fsck(depot, "--repair")
        assert status == 1
        assert [found["repaired"] for found in report["findings"]] == [True]

        tap.exchanges.clear()
        assert client.upload("--wait", path).exit_code == 0
        assert sent(tap) == [bad]
        assert depot.wire.download(row["id"]) == content
        assert fsck(depot) == (0, {**report, "sound": True, "findings": []})


def test_a_full_quota_is_reported_before_anything_is_sent(
    start_depot: StartDepot, cli: SentryCli, tmp_path: Path
) -> None:
    depot = start_depot(chunk_size=CHUNK)
    depot.told("org", "set", depot.wire.organization, "--quota", "3MiB")
    client = depot.client(cli)
    small = builds.compiled(tmp_path, "small")
    large = builds.enlarged(builds.compiled(tmp_path, "large"), b"filling" * CHUNK)
    assert client.upload("--wait", small).exit_code == 0
    used = depot.told("org", "show", depot.wire.organization)

    ended = client.upload("--wait", large)

    assert ended.exit_code == 1
    said = " ".join((ended.stdout + ended.stderr).split())
    assert "of its quota of 3.15 MB" in said
    assert "Delete debug files that are not needed" in said
    assert depot.told("org", "show", depot.wire.organization) == used

    depot.told("org", "set", depot.wire.organization, "--quota", "none")
    assert client.upload("--wait", large).exit_code == 0


def sent(tap: Wiretap) -> list[str]:
    """Return the checksums of the chunks that went over the wire."""
    posted = b"".join(bytes(e.request) for e in tap.to("chunk-upload/"))
    return [name.decode() for name in re.findall(rb'filename="([0-9a-f]{40})"', posted)]


def flip_a_byte(blob: Path) -> None:
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)


def fsck(depot: Depot, *options: str) -> tuple[int, dict[str, Any]]:
    """Return how it ended and what it reported."""
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "symdepot", "fsck", "--json", *options],
        cwd=depot.folder,
        env=dict(depot.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)
