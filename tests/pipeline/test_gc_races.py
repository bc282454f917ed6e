"""Garbage collection beside uploads, beside itself, and interrupted."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from itertools import count

import pytest
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    assemble,
    described,
    own,
    send,
    upload,
)
from tests.pipeline.test_gc import a_symcache, counts_by_reason, with_retention
from tests.row_ages import age_everything

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline.fsck import checker
from symdepot.pipeline.gc import collector, deletion, planner
from symdepot.pipeline.gc.retention_rules import Reason
from symdepot.projects.models import AuditEntry
from symdepot.uploads.models import Assembly, Chunk, ChunkOwner, File

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)

type AfterPlanning = Callable[[Callable[[], object]], None]


class Interrupted(Exception):
    """Raised by the progress callback."""


@pytest.fixture
def after_planning(monkeypatch: pytest.MonkeyPatch) -> AfterPlanning:
    """Return a function that registers a callback between planning and deletion."""

    def arrange(callback: Callable[[], object]) -> None:
        plan = planner.make_plan

        def plan_then_call(*arguments: object) -> object:
            monkeypatch.setattr(planner, "make_plan", plan)
            made = plan(*arguments)  # type: ignore[arg-type]  # passed on as they came
            callback()
            return made

        monkeypatch.setattr(planner, "make_plan", plan_then_call)

    return arrange


def test_a_file_used_after_planning_stays(after_planning: AfterPlanning) -> None:
    project = with_retention(a_project(), keep_unused_days=1)
    row = a_debug_file(project, b"content")
    age_everything(2 * DAY)
    after_planning(lambda: usage.mark_used(project, [row]))

    assert counts_by_reason(collector.collect()) == {}

    assert DebugFile.objects.exists()
    assert not AuditEntry.objects.filter(action="debug-file.expired").exists()


def test_a_chunk_sent_after_planning_stays(after_planning: AfterPlanning) -> None:
    project = a_project()
    own(project, b"loose")
    age_everything(2 * DAY)
    after_planning(lambda: own(project, b"loose"))

    assert counts_by_reason(collector.collect()) == {}

    assert Checksum.of(b"loose") in blob_store()
    assert ChunkOwner.objects.exists()


def test_a_chunk_awaited_after_planning_stays(after_planning: AfterPlanning) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    send(client, content)
    age_everything(2 * DAY)
    longer = described(content + b"\n" * 100, piece=len(content))
    after_planning(lambda: assemble(client, longer))

    assert counts_by_reason(collector.collect()) == {}

    assert Checksum.of(content) in blob_store()
    assert ChunkOwner.objects.exists()


def test_an_upload_continued_after_planning_stays(
    after_planning: AfterPlanning,
) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    assemble(client, described(content + b"\n" * 100, piece=len(content)))
    age_everything(2 * DAY)
    after_planning(lambda: send(client, content))

    assert counts_by_reason(collector.collect()) == {}

    assert Assembly.objects.exists()


def test_a_file_uploaded_again_after_planning_stays(
    after_planning: AfterPlanning,
) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    DebugFile.objects.all().delete()
    age_everything(2 * DAY)
    after_planning(lambda: upload(client, content))

    assert counts_by_reason(collector.collect()) == {}

    assert upload(client, content)["state"] == "ok"
    assert checker.check(hashing=True).is_sound


def test_an_orphan_sent_as_a_chunk_before_its_deletion_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    blob_store().put(Checksum.of(b"orphan"), BytesIO(b"orphan"))
    age_everything(2 * DAY)
    delete_blobs = deletion.delete_blobs

    def delete_blobs_late(*arguments: object) -> object:
        own(project, b"orphan")
        return delete_blobs(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(deletion, "delete_blobs", delete_blobs_late)

    assert counts_by_reason(collector.collect()) == {}

    assert Checksum.of(b"orphan") in blob_store()


def test_an_interrupted_run_leaves_only_orphans_which_the_next_run_deletes() -> None:
    for steps in count(1):
        project = with_retention(a_project(), keep_days=1)
        for number in range(3):
            row = a_debug_file(project, b"content %d" % number)
            a_symcache(row.file, b"symcache %d" % number)
        own(project, b"loose")
        age_everything(2 * DAY)

        is_complete = _collect_interrupted(after=steps)

        faults = {finding.fault for finding in checker.check(hashing=True).findings}
        assert faults <= {"orphan"}
        age_everything(2 * DAY)
        collector.collect()
        assert list(blob_store()) == []
        for model in (DebugFile, File, Chunk, ChunkOwner):
            assert not model.objects.exists()
        if is_complete:
            break
    assert steps > 5


def _collect_interrupted(*, after: int) -> bool:
    """Interrupt a run at the given progress call; return whether it ended before."""
    left = iter(range(after - 1))

    def progress(*_: object) -> None:
        if next(left, None) is None:
            raise Interrupted

    try:
        collector.collect(progress)
    except Interrupted:
        return False
    return True


def test_concurrent_runs_delete_each_file_once() -> None:
    project = with_retention(a_project(), keep_days=1)
    for number in range(20):
        a_debug_file(project, b"content %d" % number)
    stays = a_project("stays")
    a_debug_file(stays, b"stays")
    age_everything(2 * DAY)

    reports = run_at_once([collector.collect] * 3)

    # A run may continue what another began, and count it for another reason.
    assert sum(report.by_reason[Reason.OLD].count for report in reports) == 20
    expired = AuditEntry.objects.filter(action="debug-file.expired")
    assert expired.count() == 20
    assert list(blob_store()) == [Checksum.of(b"stays")]
    assert checker.check(hashing=True).is_sound
