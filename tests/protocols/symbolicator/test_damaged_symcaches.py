"""No bit that flips in a stored symcache changes an answer."""

from pathlib import Path
from random import Random

import pytest
from pytest_django import Settings
from tests import task_queues
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import INLINED, a_request, at, post

from symdepot.symcaches.models import SymCache
from symdepot.symcaches.opener import memory_cache
from symdepot.uploads.models import Chunk

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

FLIPS = 120
ADDRESSES = (0x1000, 0x1006, 0x1012, 0x1020, 0x2000)


@pytest.fixture(autouse=True)
def hello(settings: Settings, disk: Path) -> None:
    settings.SYMCACHES = True
    a_project()
    assert upload(a_client(), INLINED.encode())["state"] == "ok"


def frames() -> list[object]:
    """Return the frames of some addresses; none while the symcache is created."""
    request = a_request(*map(at, ADDRESSES))
    answer = post(a_client(), request, "/symbolicate?timeout=0").json()
    return [stack["frames"] for stack in answer.get("stacktraces", [])]


def flip(path: Path, bit: int) -> None:
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_a_flipped_bit_in_the_disk_cache_is_repaired(settings: Settings) -> None:
    expected = frames()
    [entry] = Path(settings.SYMCACHE_DIR).glob("?" * 40)
    bits = Random(7).sample(range(entry.stat().st_size * 8), FLIPS)  # noqa: S311 -- no secret

    for bit in bits:
        flip(entry, bit)
        memory_cache.cache_clear()  # as in another process
        assert frames() == expected


def test_a_flipped_bit_in_the_store_is_never_served(
    settings: Settings, disk: Path
) -> None:
    expected = frames()
    row = SymCache.objects.get()
    # The file itself stays sound, so that the symcache can be created again.
    assert row.checksum != Chunk.objects.get().checksum

    for bit in range(0, row.size_bytes * 8, row.size_bytes):
        checksum = SymCache.objects.get().checksum
        flip(disk / checksum[:2] / checksum[2:4] / checksum, bit)
        (Path(settings.SYMCACHE_DIR) / checksum).unlink()
        memory_cache.cache_clear()
        assert "symbolicated" not in str(frames())
        task_queues.create_symcaches_at_once()
        assert frames() == expected
