"""Whoever needs a symcache gets it open, or hears why there is none."""

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
from symdepot.pipeline import symcache_backfill
from symdepot.symcaches import opener
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.symcaches.models import VERSION, Outcome, SymCache
from symdepot.symcaches.opener import SymCacheUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def symcaches_are_made(settings: Settings) -> None:
    settings.SYMCACHES = True


def opened(debug_file: DebugFile) -> OpenSymCache | SymCacheUnavailable:
    return opener.open_symcache(debug_file, blob_store(), disk_cache())


def functions(debug_file: DebugFile, address: int = 0x1004) -> list[str]:
    found = opened(debug_file)
    assert isinstance(found, OpenSymCache)
    return [frame.function for frame in found.frames(address)]


def test_a_symcache_that_is_made_can_be_asked() -> None:
    assert functions(uploaded()) == ["main"]


def test_a_file_that_is_known_by_a_corrected_id_finds_its_symcache() -> None:
    debug_file = uploaded()
    debug_file.debug_id += "-beef"

    assert functions(debug_file) == ["main"]


def test_two_files_of_one_id_have_each_their_own() -> None:
    identity = "DFB8E43AF2423D73A453AEB6A777EF750"
    before, after = (
        uploaded(a_breakpad_file(identity, records=[f"FUNC 1000 10 0 {name}"]))
        for name in ("before", "after")
    )

    assert (functions(before), functions(after)) == (["before"], ["after"])


def test_why_there_is_none_is_said() -> None:
    assert opened(uploaded(an_unreadable_pdb())) == SymCacheUnavailable(
        Outcome.FAILED, CONVERT_ERROR
    )


def test_of_what_names_no_functions_there_is_none_and_none_is_asked_for() -> None:
    a_project()
    name = "/proguard/67e9247c-814e-392b-a027-dbde6748fcbf.txt"
    upload(a_client(), a_mapping(), name=name)

    assert opened(DebugFile.objects.get()) == SymCacheUnavailable(None)
    assert not SymCache.objects.exists()


@pytest.mark.parametrize(
    "spoiled", [{"version": VERSION - 1}, {"arch": "arm64"}, {"debug_id": "other"}]
)
def test_a_symcache_that_is_not_of_this_very_object_and_version_is_passed_over(
    spoiled: dict[str, object],
) -> None:
    debug_file = uploaded()
    SymCache.objects.update(**spoiled)

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert symcache_backfill.requeue_abandoned() == 1
    assert functions(debug_file) == ["main"]


def test_a_failure_whose_time_has_come_is_tried_again_when_somebody_asks() -> None:
    debug_file = uploaded()
    checksum = row().checksum
    SymCache.objects.update(
        outcome=Outcome.FAILED, detail="why", retry_at=row().updated_at, checksum=""
    )

    age_symcaches(timedelta(seconds=-60))
    assert opened(debug_file) == SymCacheUnavailable(Outcome.FAILED, "why")
    age_symcaches(timedelta(seconds=120))

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert symcache_backfill.requeue_abandoned() == 1
    assert row().checksum == checksum
    assert functions(debug_file) == ["main"]


def test_damaged_bytes_are_noticed_and_made_again(disk: Path) -> None:
    debug_file = uploaded()
    kept = next(disk.rglob(row().checksum))
    damaged = bytearray(kept.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    kept.write_bytes(damaged)

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert row().outcome == Outcome.QUEUED
    assert symcache_backfill.requeue_abandoned() == 1
    assert functions(debug_file) == ["main"]
    assert Checksum.of(kept.read_bytes()).hex == kept.name


def test_lost_bytes_are_noticed_and_made_again() -> None:
    debug_file = uploaded()
    blob_store().delete(Checksum(row().checksum))

    assert opened(debug_file) == SymCacheUnavailable(Outcome.QUEUED)
    assert symcache_backfill.requeue_abandoned() == 1
    assert functions(debug_file) == ["main"]


def test_one_that_is_open_outlives_its_file() -> None:
    debug_file = uploaded()
    found = opened(debug_file)
    assert isinstance(found, OpenSymCache)

    blob_store().delete(Checksum(row().checksum))
    disk_cache().evict()
    for path in disk_cache()._folder.iterdir():  # noqa: SLF001 -- as if it were full
        path.unlink()

    assert [frame.function for frame in found.frames(0x1004)] == ["main"]


def test_a_file_that_was_deleted_a_moment_ago_is_asked_for_in_vain() -> None:
    debug_file = uploaded()
    SymCache.objects.all().delete()
    debug_file.delete()
    debug_file.file.delete()

    opener.request_symcache(debug_file)

    assert not SymCache.objects.exists()
