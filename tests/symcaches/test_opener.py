"""Symcaches are opened, or queued if missing or damaged."""

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_mapping, a_project, upload
from tests.symcache_files import (
    CONVERT_ERROR,
    age_symcaches,
    an_unreadable_pdb,
    row,
    uploaded,
)

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.pipeline import tasks
from symdepot.symcaches import opener
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.symcaches.models import VERSION, Outcome, SymCache
from symdepot.symcaches.opener import SymCacheUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def symcaches_are_made(settings: Settings) -> None:
    settings.SYMCACHES = True


def opened(debug_file: DebugFile) -> OpenSymCache | SymCacheUnavailable:
    row = opener.ensure_rows([debug_file]).get(debug_file.pk)
    return opener.open_row(row, blob_store(), disk_cache())


def functions(debug_file: DebugFile, address: int = 0x1004) -> list[str]:
    found = opened(debug_file)
    assert isinstance(found, OpenSymCache)
    return [frame.function for frame in found.frames_at([address])[0]]


def test_a_symcache_can_be_queried() -> None:
    assert functions(uploaded()) == ["main"]


def test_a_file_with_a_corrected_id_finds_its_symcache() -> None:
    debug_file = uploaded()
    debug_file.debug_id += "-beef"

    assert functions(debug_file) == ["main"]


def test_two_files_of_one_id_have_separate_symcaches() -> None:
    identity = "DFB8E43AF2423D73A453AEB6A777EF750"
    before, after = (
        uploaded(a_breakpad_file(identity, records=[f"FUNC 1000 10 0 {name}"]))
        for name in ("before", "after")
    )

    assert (functions(before), functions(after)) == (["before"], ["after"])


def test_a_failed_symcache_is_unavailable_with_its_reason() -> None:
    assert opened(uploaded(an_unreadable_pdb())) == SymCacheUnavailable(
        Outcome.FAILED, CONVERT_ERROR
    )


def test_a_file_without_functions_gets_no_symcache() -> None:
    a_project()
    name = "/proguard/67e9247c-814e-392b-a027-dbde6748fcbf.txt"
    upload(a_client(), a_mapping(), name=name)

    assert opened(DebugFile.objects.get()) == SymCacheUnavailable(None)
    assert not SymCache.objects.exists()


@pytest.mark.parametrize(
    "spoiled", [{"version": VERSION - 1}, {"arch": "arm64"}, {"debug_id": "other"}]
)
def test_symcaches_of_other_objects_and_versions_are_not_used(
    spoiled: dict[str, object],
) -> None:
    debug_file = uploaded()
    SymCache.objects.update(**spoiled)

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert tasks.create_next_symcache()
    assert functions(debug_file) == ["main"]


def test_a_failure_is_tried_again_after_its_retry_time() -> None:
    debug_file = uploaded()
    checksum = row().checksum
    SymCache.objects.update(
        outcome=Outcome.FAILED, detail="why", retry_at=row().updated_at, checksum=""
    )

    age_symcaches(timedelta(seconds=-60))
    assert opened(debug_file) == SymCacheUnavailable(Outcome.FAILED, "why")
    age_symcaches(timedelta(seconds=120))

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert tasks.create_next_symcache()
    assert row().checksum == checksum
    assert functions(debug_file) == ["main"]


def test_a_damaged_symcache_is_created_again(disk: Path) -> None:
    debug_file = uploaded()
    kept = next(disk.rglob(row().checksum))
    damaged = bytearray(kept.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    kept.write_bytes(damaged)

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert row().outcome == Outcome.QUEUED
    assert tasks.create_next_symcache()
    assert functions(debug_file) == ["main"]
    assert Checksum.of(kept.read_bytes()).hex == kept.name


def test_a_lost_symcache_is_created_again() -> None:
    debug_file = uploaded()
    blob_store().delete(Checksum(row().checksum))

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert tasks.create_next_symcache()
    assert functions(debug_file) == ["main"]


def test_an_open_symcache_outlives_its_file() -> None:
    debug_file = uploaded()
    found = opened(debug_file)
    assert isinstance(found, OpenSymCache)

    blob_store().delete(Checksum(row().checksum))
    disk_cache().evict()
    for path in disk_cache()._folder.iterdir():  # noqa: SLF001 -- as if it were full
        path.unlink()

    assert [frame.function for frame in found.frames_at([0x1004])[0]] == ["main"]


def test_requesting_a_deleted_file_does_nothing() -> None:
    debug_file = uploaded()
    SymCache.objects.all().delete()
    debug_file.delete()
    debug_file.file.delete()

    opener.request_symcache(debug_file)

    assert not SymCache.objects.exists()


def test_an_open_symcache_is_opened_again_after_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    debug_file = uploaded()
    first = opened(debug_file)
    assert opened(debug_file) is first

    monkeypatch.setattr(opener, "VERIFIED_SECONDS", -1.0)

    assert opened(debug_file) is not first
