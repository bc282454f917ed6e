"""A sweep takes nothing that has come back since it looked, and can be broken off."""

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
from tests.rooms.pipeline.test_gc import a_symcache, keeping, told
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

type Meanwhile = Callable[[Callable[[], object]], None]


class BrokenOff(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let something happen between the look of a sweep and its first deed."""

    def arrange(happens: Callable[[], object]) -> None:
        plan = planner.make_plan

        def plan_and_then(*arguments: object) -> object:
            monkeypatch.setattr(planner, "make_plan", plan)
            made = plan(*arguments)  # type: ignore[arg-type]  # passed on as they came
            happens()
            return made

        monkeypatch.setattr(planner, "make_plan", plan_and_then)

    return arrange


def test_what_is_used_in_this_moment_stays(meanwhile: Meanwhile) -> None:
    project = keeping(a_project(), keep_unused_days=1)
    row = a_debug_file(project, b"content")
    age_everything(2 * DAY)
    meanwhile(lambda: usage.mark_used(project, [row]))

    assert told(collector.collect()) == {}

    assert DebugFile.objects.exists()
    assert not AuditEntry.objects.filter(action="debug-file.expired").exists()


def test_a_chunk_that_is_sent_in_this_moment_stays(meanwhile: Meanwhile) -> None:
    project = a_project()
    own(project, b"loose")
    age_everything(2 * DAY)
    meanwhile(lambda: own(project, b"loose"))

    assert told(collector.collect()) == {}

    assert Checksum.of(b"loose") in blob_store()
    assert ChunkOwner.objects.exists()


def test_a_chunk_that_is_offered_in_this_moment_stays(meanwhile: Meanwhile) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    send(client, content)
    age_everything(2 * DAY)
    longer = described(content + b"\n" * 100, piece=len(content))
    meanwhile(lambda: assemble(client, longer))

    assert told(collector.collect()) == {}

    assert Checksum.of(content) in blob_store()
    assert ChunkOwner.objects.exists()


def test_an_upload_that_goes_on_in_this_moment_stays(meanwhile: Meanwhile) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    assemble(client, described(content + b"\n" * 100, piece=len(content)))
    age_everything(2 * DAY)
    meanwhile(lambda: send(client, content))

    assert told(collector.collect()) == {}

    assert Assembly.objects.exists()


def test_a_file_that_comes_back_in_this_moment_stays(meanwhile: Meanwhile) -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    DebugFile.objects.all().delete()
    age_everything(2 * DAY)
    meanwhile(lambda: upload(client, content))

    assert told(collector.collect()) == {}

    assert upload(client, content)["state"] == "ok"
    assert checker.check(hashing=True).is_sound


def test_an_orphan_that_is_sent_in_this_moment_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    blob_store().put(Checksum.of(b"orphan"), BytesIO(b"orphan"))
    age_everything(2 * DAY)
    free = deletion.delete_blobs

    def free_late(*arguments: object) -> object:
        own(project, b"orphan")
        return free(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(deletion, "delete_blobs", free_late)

    assert told(collector.collect()) == {}

    assert Checksum.of(b"orphan") in blob_store()


def test_wherever_a_sweep_is_broken_off_only_orphans_are_left_and_another_ends_it() -> (
    None
):
    for steps in count(1):
        project = keeping(a_project(), keep_days=1)
        for number in range(3):
            row = a_debug_file(project, b"content %d" % number)
            a_symcache(row.file, b"symcache %d" % number)
        own(project, b"loose")
        age_everything(2 * DAY)

        is_over = _broken_off(after=steps)

        faults = {finding.fault for finding in checker.check(hashing=True).findings}
        assert faults <= {"orphan"}
        age_everything(2 * DAY)
        collector.collect()
        assert list(blob_store()) == []
        for model in (DebugFile, File, Chunk, ChunkOwner):
            assert not model.objects.exists()
        if is_over:
            break
    assert steps > 5


def _broken_off(*, after: int) -> bool:
    """Break a sweep off after so many steps; return whether it was over before."""
    left = iter(range(after - 1))

    def progress(*_: object) -> None:
        if next(left, None) is None:
            raise BrokenOff

    try:
        collector.collect(progress)
    except BrokenOff:
        return False
    return True


def test_several_sweeps_at_once_take_each_thing_once() -> None:
    project = keeping(a_project(), keep_days=1)
    for number in range(20):
        a_debug_file(project, b"content %d" % number)
    stays = a_project("stays")
    a_debug_file(stays, b"stays")
    age_everything(2 * DAY)

    reports = run_at_once([collector.collect] * 3)

    # What one has begun, another may end, and for another reason.
    assert sum(report.by_reason[Reason.OLD].count for report in reports) == 20
    expired = AuditEntry.objects.filter(action="debug-file.expired")
    assert expired.count() == 20
    assert list(blob_store()) == [Checksum.of(b"stays")]
    assert checker.check(hashing=True).is_sound
