"""Symbolication of requests, independent of the protocol."""

import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    upload,
)
from tests.fixtures import compiled
from tests.symcache_files import CONVERT_ERROR, an_unreadable_pdb, row
from tests.task_queues import HeldQueue

from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import (
    FrameRequest,
    ModuleStatus,
    StackRequest,
)
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.reader import OpenSymCache, SymbolFrame
from symdepot.projects.models import Project
from symdepot.symbolication import pasted_text
from symdepot.symbolication.request import (
    Candidate,
    CandidateStatus,
    LookupScope,
    ModuleRequest,
    SymbolicationRequest,
    SymbolicationResult,
)
from symdepot.symbolication.symbolicate import symbolicate, symbolicate_if_ready
from symdepot.symcaches.models import Outcome, SymCache

pytestmark = pytest.mark.django_db

BREAKPAD_ID = "DFB8E43AF2423D73A453AEB6A777EF750"
ID = DebugId.parse(BREAKPAD_ID)
OTHER = DebugId(UUID(int=7))
BASE = 0x4000_0000


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    return a_project()


def sent(content: bytes) -> DebugFile:
    standing = upload(a_client(), content)
    return DebugFile.objects.get(pk=standing["dif"]["id"])


def scope() -> LookupScope:
    return LookupScope.of(a_project(), "a test")


def request(
    debug_id: DebugId | None = ID, *addresses: int, code_id: CodeId | None = None
) -> SymbolicationRequest:
    """Return a request for addresses in a single module."""
    stack = StackRequest([FrameRequest(BASE + address) for address in addresses])
    module = ModuleRequest(
        MemoryRange(BASE, 0x10000), ModuleIds(debug_id, code_id), "hello"
    )
    return SymbolicationRequest([stack], [module])


def symbolicated(
    debug_id: DebugId | None = ID,
    *addresses: int,
    code_id: CodeId | None = None,
    wait_seconds: float = 0,
) -> SymbolicationResult:
    sent_request = request(debug_id, *addresses, code_id=code_id)
    return symbolicate(scope(), sent_request, wait_seconds=wait_seconds)


def functions(answer: SymbolicationResult) -> list[str | None]:
    return [frame.symbol and frame.symbol.function for frame in answer.stacks[0]]


def test_an_address_is_resolved_to_a_function() -> None:
    known = sent(a_breakpad_file(BREAKPAD_ID))

    answer = symbolicated(ID, 0x1004)

    assert functions(answer) == ["main"]
    (module,) = answer.modules
    assert (module.status, module.arch, module.symbols) == (
        ModuleStatus.FOUND,
        "x86_64",
        known,
    )
    assert module.candidates == (Candidate(known, CandidateStatus.OK),)


def test_nothing_is_resolved_in_a_relocatable_file(tmp_path: Path) -> None:
    two = "int one(void) { return 1; } int two(void) { return 2; }"
    path = compiled.elf_program(
        tmp_path, "two.o", two, options="-r -nostdlib -ffunction-sections"
    )
    # Each function is at the start of a section.
    assert compiled.start_of("one", path) == compiled.start_of("two", path) == 0
    known = sent(path.read_bytes())

    answer = symbolicated(DebugId.parse(known.debug_id), 0x0, 0x4)
    line = f" one+0x4/0x6 [two {known.code_id}]"
    text = pasted_text.resolve_text(a_project(), line, by="a test")

    assert functions(answer) == [None, None]
    (module,) = answer.modules
    reason = conversion.RELOCATABLE
    assert module.status is ModuleStatus.UNSUPPORTED
    assert module.candidates == (Candidate(known, CandidateStatus.ERROR, reason),)
    (unresolved,) = text.unresolved
    assert unresolved.reason.startswith(reason)
    assert not SymCache.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_open_during_lookups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent(a_breakpad_file(BREAKPAD_ID))
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    connection.close()
    frames_at, were_held = OpenSymCache.frames_at, []

    def observed(
        self: OpenSymCache, addresses: Sequence[int]
    ) -> list[list[SymbolFrame]]:
        were_held.append(connection.connection is not None)
        return frames_at(self, addresses)

    monkeypatch.setattr(OpenSymCache, "frames_at", observed)
    answer = symbolicated(ID, 0x1004)

    assert functions(answer) == ["main"]
    assert (were_held, connection.connection) == ([False], None)


def test_a_module_without_frames_is_not_searched() -> None:
    answer = symbolicated(ID)

    assert answer.modules[0].status is ModuleStatus.UNUSED
    assert not WantedId.objects.exists()


def test_a_missing_module_is_recorded() -> None:
    answer = symbolicated(OTHER, 0x1004)

    assert functions(answer) == [None]
    assert answer.modules[0].status is ModuleStatus.MISSING
    (wanted,) = WantedId.objects.all()
    assert (wanted.debug_id, wanted.name, wanted.asked_by) == (
        str(OTHER),
        "hello",
        "a test",
    )


def test_a_module_whose_files_have_no_names_is_recorded() -> None:
    a_debug_file(a_project(), debug_id=ID, format=Format.SOURCE_BUNDLE, kind="src")
    a_debug_file(a_project(), debug_id=ID, features=frozenset({"unwind"}), kind="exe")

    assert symbolicated(ID, 0x1004).modules[0].status is ModuleStatus.MISSING
    assert [wanted.debug_id for wanted in WantedId.objects.all()] == [str(ID)]


def test_a_file_of_another_project_is_not_found() -> None:
    a_project("other")
    upload(a_client(), a_breakpad_file(BREAKPAD_ID), project="other")

    assert symbolicated(ID, 0x1004).modules[0].status is ModuleStatus.MISSING


def test_a_failed_symcache_is_reported_with_its_reason() -> None:
    hopeless = sent(an_unreadable_pdb(ID.uuid))

    answer = symbolicated(DebugId(ID.uuid, hopeless.object_file().debug_id.age), 0x1004)

    (module,) = answer.modules
    assert module.status is ModuleStatus.MALFORMED
    assert module.candidates == (
        Candidate(hopeless, CandidateStatus.MALFORMED, CONVERT_ERROR),
    )


def test_the_next_file_is_used_if_the_best_fails() -> None:
    hopeless = sent(an_unreadable_pdb(ID.uuid))
    age = hopeless.object_file().debug_id.age
    textual = sent(a_breakpad_file(f"{ID.uuid.hex.upper()}{age:x}"))

    answer = symbolicated(DebugId(ID.uuid, age), 0x1004)

    (module,) = answer.modules
    assert functions(answer) == ["main"]
    assert (module.status, module.symbols) == (ModuleStatus.FOUND, textual)
    assert [c.status for c in module.candidates] == [
        CandidateStatus.MALFORMED,
        CandidateStatus.OK,
    ]


def test_methods_without_addresses_are_unsupported() -> None:
    a_debug_file(a_project(), debug_id=ID, format=Format.PORTABLE_PDB, kind=None)

    assert symbolicated(ID, 0x1004).modules[0].status is ModuleStatus.UNSUPPORTED


def test_a_build_id_matches_regardless_of_the_debug_id() -> None:
    sent(a_breakpad_file(BREAKPAD_ID))
    DebugFile.objects.update(code_id="abcd" * 10, file_format=Format.ELF)

    assert functions(symbolicated(OTHER, 0x1004, code_id=CodeId("abcd" * 10))) == [
        "main"
    ]


def test_a_pdb_of_a_later_age_serves_and_of_an_earlier_does_not() -> None:
    a_debug_file(a_project(), debug_id=DebugId(ID.uuid, 3), format=Format.PDB)

    earlier, same, later = (symbolicated(DebugId(ID.uuid, n), 1) for n in (2, 3, 4))

    assert [len(a.modules[0].candidates) for a in (earlier, same, later)] == [1, 1, 0]


def test_unfinished_symcaches_are_pending_or_time_out(
    held_queue: HeldQueue,
) -> None:
    upload(a_client(), a_breakpad_file(BREAKPAD_ID))
    held_queue.work()
    SymCache.objects.update(outcome=Outcome.MAKING)

    assert symbolicate_if_ready(scope(), request(ID, 0x1004)) is None
    began = time.monotonic()
    answer = symbolicated(ID, 0x1004, wait_seconds=0.3)

    assert time.monotonic() - began >= 0.3
    assert answer.modules[0].status is ModuleStatus.TIMEOUT
    assert row().outcome == Outcome.MAKING
