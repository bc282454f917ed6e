"""The commands gc, fsck, `project retention` and `org set`; periodic gc."""

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.db.models import F
from pytest_django import Settings
from tests.concurrency import run_at_once
from tests.factories import a_debug_file, a_project, own
from tests.row_ages import age_everything
from tests.server.command_line import RunCommand

from symdepot.blobs.configured import blob_store
from symdepot.blobs.local import LocalStore
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.jobs.models import PeriodicLock
from symdepot.pipeline.fsck.report import Fault
from symdepot.pipeline.gc.retention_rules import Reason
from symdepot.projects.models import AuditEntry, Project
from symdepot.server import periodic_jobs
from symdepot.server.cli import fsck, gc
from symdepot.uploads.models import Chunk

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_gc_prints_what_it_would_delete_and_what_it_deletes(
    symdepot: RunCommand,
) -> None:
    own(a_project(), b"loose")
    age_everything(2 * DAY)

    previewed = symdepot("gc", "--dry-run")
    assert previewed.out == (
        "1  5 bytes  chunks that are in no file\n"
        "This would free 5 bytes. Nothing was changed.\n"
    )
    assert Chunk.objects.exists()

    done = symdepot("gc")
    assert done.out == ("1  5 bytes  chunks that are in no file\nThis freed 5 bytes.\n")
    assert not Chunk.objects.exists()
    assert symdepot("gc").out == "There is nothing to delete.\n"


def test_gc_reports_as_json(symdepot: RunCommand) -> None:
    own(a_project(), b"loose")
    age_everything(2 * DAY)

    report = json.loads(symdepot("gc", "--json").out)

    assert report["dry_run"] is False
    assert (report["count"], report["freed_bytes"]) == (1, 5)
    assert report["reasons"]["never-assembled"] == {"count": 1, "freed_bytes": 5}
    assert set(report["reasons"]) == set(Reason)


def test_each_reason_and_fault_has_a_description() -> None:
    assert set(gc.DESCRIPTIONS) == set(Reason)
    assert set(fsck.FAULTS) == set(Fault)


def test_fsck_exits_with_0_without_faults(symdepot: RunCommand) -> None:
    a_debug_file(a_project(), b"content")

    result = symdepot("fsck")

    assert (result.status, result.out) == (
        0,
        "Checked 1 blobs (7 bytes), and 1 files.\nNo faults found.\n",
    )


def test_fsck_names_the_files_to_upload_again(symdepot: RunCommand) -> None:
    row = a_debug_file(a_project(), b"content")
    name = Checksum.of(b"content")
    blob_store().delete(name)

    result = symdepot("fsck", "--quick")

    assert result.status == 1
    assert result.out == (
        f"chunk {name}: its bytes are missing.\n"
        f"    to repair it, upload acme/game: {row} again\n"
        "Checked 0 blobs (0 bytes), and 1 files.\n"
        "Found 1 fault.\n"
        "`symdepot fsck --repair` repairs what can be repaired safely.\n"
    )

    assert symdepot("fsck", "--repair").out.splitlines()[0] == (
        f"chunk {name}: its bytes are missing; it now counts as missing."
    )


def test_fsck_reports_as_json(symdepot: RunCommand) -> None:
    blob_store().put(Checksum.of(b"orphan"), BytesIO(b"orphan"))
    age_everything(2 * DAY)

    result = symdepot("fsck", "--json", "--repair")

    assert result.status == 1
    assert json.loads(result.out) == {
        "sound": False,
        "blobs": 1,
        "bytes": 6,
        "young_blobs": 0,
        "files": 0,
        "findings": [
            {
                "fault": "orphan",
                "of": "blob",
                "checksum": Checksum.of(b"orphan").hex,
                "heals_by_upload_of": [],
                "repaired": True,
            }
        ],
    }


def test_retention_is_set_shown_and_removed(symdepot: RunCommand) -> None:
    a_project("rocket")

    symdepot("project", "retention", "acme/rocket", "--unused-days", "90")
    set_ = symdepot("project", "retention", "acme/rocket", "--releases", "5")
    shown = symdepot("project", "retention", "acme/rocket")

    assert set_.out == shown.out
    assert shown.out == (
        "acme/rocket: debug files are deleted after 90 days without use.\n"
        "acme/rocket: debug files are never deleted for their age.\n"
        "acme/rocket: debug files are deleted if they belong only to releases "
        "before the newest 5.\n"
    )
    symdepot("project", "retention", "acme/rocket", "--unused-days", "none")
    project = Project.objects.get()
    assert (project.keep_unused_days, project.keep_releases) == (None, 5)


def test_each_change_of_retention_is_in_the_audit_log(symdepot: RunCommand) -> None:
    a_project("rocket")
    for days in ("90", "90", "30"):
        symdepot("project", "retention", "acme/rocket", "--days", days)
    symdepot("project", "retention", "acme/rocket")

    entries = AuditEntry.objects.filter(action="retention.changed").order_by("pk")
    assert [entry.details["after"]["days"] for entry in entries] == [90, 30]


@pytest.mark.parametrize("wrong", ["0", "-1", "ninety", "1.5", "1000000000"])
def test_retention_must_be_a_number_or_none(symdepot: RunCommand, wrong: str) -> None:
    a_project("rocket")

    result = symdepot("project", "retention", "acme/rocket", f"--days={wrong}")

    assert result.status == 2
    assert "neither a number from 1 on nor none" in " ".join(result.err.split())
    assert Project.objects.get().keep_days is None


def test_a_quota_is_set_and_shown_with_the_usage(symdepot: RunCommand) -> None:
    project = a_project("rocket")
    a_project("empty")
    a_debug_file(project, b"x" * 1500)
    a_project(organization="other")

    assert symdepot("org", "set", "acme", "--quota", "500GB").out == (
        "Organization 'acme' now has a quota of 500 GB.\n"
    )
    assert symdepot("org", "list").out == (
        "acme: 1.5 kB, a quota of 500 GB\nother: 0 bytes, no quota\n"
    )
    assert symdepot("org", "show", "acme").out == (
        "acme: 1.5 kB, a quota of 500 GB\n"
        "  empty: 0 bytes in 0 debug files\n"
        "  rocket: 1.5 kB in 1 debug files\n"
    )
    assert symdepot("org", "set", "acme", "--quota", "none").out == (
        "Organization 'acme' now has no quota.\n"
    )


def test_a_quota_must_be_a_size(symdepot: RunCommand) -> None:
    a_project()

    result = symdepot("org", "set", "acme", "--quota", "much")

    assert result.status == 2
    assert "'much' is no size" in " ".join(result.err.split())


@pytest.mark.django_db(transaction=True)
@pytest.mark.django_db(transaction=True)
def test_the_periodic_job_collects_garbage_when_due_and_in_one_process() -> None:
    assert periodic_jobs.collect_garbage() == 0
    own(a_project(), b"loose")
    age_everything(2 * DAY)
    assert periodic_jobs.collect_garbage() == 0
    PeriodicLock.objects.update(finished_at=F("finished_at") - DAY)

    done = run_at_once([periodic_jobs.collect_garbage] * 4)

    assert sorted(done) == [0, 0, 0, 1]
    assert not Chunk.objects.exists()
    assert periodic_jobs.collect_garbage() == 0


def test_the_periodic_job_can_be_switched_off(settings: Settings) -> None:
    settings.GC_INTERVAL_HOURS = 0
    own(a_project(), b"loose")
    age_everything(2 * DAY)

    assert periodic_jobs.collect_garbage() == 0

    assert not PeriodicLock.objects.exists()
    assert Chunk.objects.exists()


def test_the_periodic_job_deletes_expired_files() -> None:
    project = a_project()
    Project.objects.update(keep_days=1)
    a_debug_file(project, b"content")
    periodic_jobs.collect_garbage()
    PeriodicLock.objects.update(finished_at=F("finished_at") - DAY)
    age_everything(2 * DAY)

    assert periodic_jobs.collect_garbage() == 1

    assert not DebugFile.objects.exists()


def test_another_store_can_be_adopted(symdepot: RunCommand, disk: Path) -> None:
    own(a_project(), b"old")
    LocalStore(disk).write_id("another")
    blob_store.cache_clear()
    assert "is not the one of this database" in symdepot("fsck").err

    adopted = symdepot("store", "adopt")

    assert adopted.out.startswith("The storage another is now the one of this database")
    assert symdepot("fsck").status == 0
