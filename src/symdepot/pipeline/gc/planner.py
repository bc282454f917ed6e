"""Says what a sweep is to take, and why, and takes nothing.

Each step asks a fixed number of questions for a thousand rows.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import retention_rules
from symdepot.pipeline.gc.retention_rules import Reason, RetentionRule
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import expiry
from symdepot.uploads.models import AwaitedChunk, Chunk, File, FileChunk

AT_ONCE = 1000
"""Rows in a question, and in a transaction."""

type Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PlannedBlob:
    """Bytes that a row names which is to go."""

    checksum: Checksum
    size_bytes: int
    reason: Reason


@dataclass(slots=True)
class Plan:
    """What is to go: rows by their ids, each with the first reason that it has.

    `outdated_symcaches` are those of `symcaches` whose file stays. `blobs` are what they and the
    chunks are kept as, less those that a row names which stays.
    """

    now: datetime
    received_before: datetime
    history_before: datetime
    rules: list[tuple[RetentionRule, list[int]]] = field(default_factory=list)
    debug_files: dict[int, Reason] = field(default_factory=dict)
    files: dict[int, Reason] = field(default_factory=dict)
    assemblies: dict[int, Reason] = field(default_factory=dict)
    chunks: dict[int, PlannedBlob] = field(default_factory=dict)
    symcaches: set[int] = field(default_factory=set)
    outdated: set[int] = field(default_factory=set)
    blobs: dict[Checksum, PlannedBlob] = field(default_factory=dict)


def make_plan(now: datetime, step: Callable[[str], object] = str) -> Plan:
    """Return what is to go at `now`; `step` is told what is looked for."""
    made = Plan(
        now,
        received_before=now - timedelta(hours=settings.KEEP_UNASSEMBLED_HOURS),
        history_before=now - timedelta(days=settings.KEEP_HISTORY_DAYS),
    )
    step("debug files")
    touched = _debug_files(made)
    _files(made, touched)
    step("uploads")
    _assemblies(made)
    step("chunks")
    _chunks(made)
    _symcaches(made)
    _blobs(made)
    return made


def _debug_files(made: Plan) -> dict[int, Reason]:
    """Choose debug files; return what files they are of."""
    touched: dict[int, Reason] = {}
    for rule in retention_rules.active_rules(made.now):
        own: list[int] = []
        for pk, file in _rows(rule.files.values_list("pk", "file_id")):
            if pk not in made.debug_files:
                own.append(pk)
                made.debug_files[pk] = rule.reason
                touched.setdefault(file, rule.reason)
        made.rules.append((rule, own))
    return touched


def _files(made: Plan, touched: Mapping[int, Reason]) -> None:
    """Choose the files that no debug file is left of."""
    made.files.update(touched)
    for some in batched(touched, AT_ONCE):
        for pk, file in DebugFile.objects.filter(file__in=some).values_list(
            "pk", "file_id"
        ):
            if pk not in made.debug_files:
                made.files.pop(file, None)
    bare = File.objects.filter(~Exists(DebugFile.objects.filter(file=OuterRef("pk"))))
    for (pk,) in _rows(bare.values_list("pk")):
        made.files[pk] = Reason.UNREFERENCED


def _assemblies(made: Plan) -> None:
    for rows, reason in (
        (expiry.stalled_uploads(made.received_before), Reason.UNFINISHED),
        (expiry.failed_uploads(made.history_before), Reason.FAILED),
    ):
        for (pk,) in _rows(rows.values_list("pk")):
            made.assemblies[pk] = reason


def _chunks(made: Plan) -> None:
    """Choose the chunks that are in no file that stays, and that nobody waits for."""
    candidates = _of_files(made.files)
    in_no_file = Chunk.objects.filter(
        ~Exists(FileChunk.objects.filter(chunk=OuterRef("pk"))),
        received_at__lte=made.received_before,
    )
    for (pk,) in _rows(in_no_file.values_list("pk")):
        candidates[pk] = Reason.NEVER_ASSEMBLED
    for some in batched(candidates, AT_ONCE):
        rows = Chunk.objects.filter(pk__in=some, received_at__lte=made.received_before)
        found = list(rows.values_list("pk", "checksum", "size_bytes"))
        awaited = _awaited(made, [checksum for _, checksum, _ in found])
        for pk, checksum, size in found:
            if checksum not in awaited:
                made.chunks[pk] = PlannedBlob(Checksum(checksum), size, candidates[pk])


def _of_files(files: Mapping[int, Reason]) -> dict[int, Reason]:
    """Return the chunks that none but these files have, with the files' reasons."""
    having: dict[int, Reason] = {}
    for some in batched(files, AT_ONCE):
        for chunk, file in FileChunk.objects.filter(file__in=some).values_list(
            "chunk_id", "file_id"
        ):
            having.setdefault(chunk, files[file])
    for some in batched(list(having), AT_ONCE):
        for chunk, file in FileChunk.objects.filter(chunk__in=some).values_list(
            "chunk_id", "file_id"
        ):
            if file not in files:
                having.pop(chunk, None)
    return having


def _awaited(made: Plan, checksums: Collection[str]) -> set[str]:
    """Return those that an upload counts on which goes on."""
    pins = AwaitedChunk.objects.filter(checksum__in=checksums)
    return {
        checksum
        for checksum, assembly in pins.values_list("checksum", "assembly_id")
        if assembly not in made.assemblies
    }


def _symcaches(made: Plan) -> None:
    """Choose the symcaches of files that go, and those that a newer maker has redone."""
    fields = ("pk", "checksum", "size_bytes", "file_id")
    for some in batched(made.files, AT_ONCE):
        own = SymCache.objects.filter(file__in=some)
        for pk, checksum, size, file in own.values_list(*fields):
            _let_go(made, pk, (checksum, size), made.files[file])
    for pk, checksum, size, file in _rows(outdated_symcaches().values_list(*fields)):
        if file not in made.files:
            made.outdated.add(pk)
            _let_go(made, pk, (checksum, size), Reason.OUTDATED)


def _let_go(made: Plan, pk: int, kept: tuple[str, int], reason: Reason) -> None:
    checksum, size_bytes = kept
    made.symcaches.add(pk)
    if checksum:
        name = Checksum(checksum)
        made.blobs.setdefault(name, PlannedBlob(name, size_bytes, reason))


def outdated_symcaches() -> QuerySet[SymCache]:
    """Return the symcaches for which a newer version of the maker has made another."""
    newer = SymCache.objects.filter(
        file=OuterRef("file"),
        debug_id=OuterRef("debug_id"),
        arch=OuterRef("arch"),
        version__gt=OuterRef("version"),
        outcome__in=(Outcome.MADE, Outcome.FAILED),
    )
    return SymCache.objects.filter(Exists(newer))


def _blobs(made: Plan) -> None:
    """Leave out the bytes that a row names which stays."""
    for chunk in made.chunks.values():
        made.blobs.setdefault(chunk.checksum, chunk)
    for some in batched(list(made.blobs), AT_ONCE):
        names = [c.hex for c in some]
        for model, going in ((Chunk, made.chunks), (SymCache, made.symcaches)):
            rows = model.objects.filter(checksum__in=names)
            for pk, checksum in rows.values_list("pk", "checksum"):
                if pk not in going:
                    made.blobs.pop(Checksum(checksum), None)


def _rows(rows: QuerySet[Any, Row]) -> Iterator[Row]:
    return rows.iterator(chunk_size=AT_ONCE)
