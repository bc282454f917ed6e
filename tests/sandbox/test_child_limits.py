"""Children are limited, and the reason of their death is reported."""

import json
import time
from pathlib import Path

import pytest
from structlog.typing import EventDict

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.sandbox import resource_limits
from symdepot.sandbox.operations import Sandbox

MEBIBYTE = 1024**2
AN_OBJECT: dict[str, object] = {
    "format": "elf",
    "kind": None,
    "arch": "x86_64",
    "debug_id": "dfb8e43a-f242-3d73-a453-aeb6a777ef75",
    "code_id": None,
    "features": [],
    "name": "a",
}


def death_reason(inspector: Sandbox, path: Path, behaviour: str) -> str:
    with pytest.raises(ParserDied) as caught:
        inspector.inspect(path, name=behaviour)
    return str(caught.value)


def refusal(inspector: Sandbox, path: Path, behaviour: str) -> str:
    with pytest.raises(NotADebugFile) as caught:
        inspector.inspect(path, name=behaviour)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("hoard", "it needed more than 16 MiB of memory"),
        ("spin", "it needed more than 1 s of processor time"),
        ("crash", "it crashed (SIGSEGV)"),
        ("be_killed_by_a_realtime_signal", "it crashed (signal 39)"),
        ("respond_without_end", "its answer had no end"),
        ("fail", "it gave up (status 78)"),
        ("exit_without_response", "it gave no answer"),
    ],
)
def test_the_reason_of_a_death_is_reported(
    misbehaving: Sandbox, sound: Path, behaviour: str, reason: str
) -> None:
    reason_text = death_reason(misbehaving, sound, behaviour)

    assert reason_text == f"Reading this file ended the process that read it: {reason}."
    assert refusal(misbehaving, sound, "behave") == "well behaved"


@pytest.mark.parametrize("behaviour", ["sleep", "close_all_and_sleep"])
def test_a_child_is_killed_when_its_time_is_up(
    impatient: Sandbox, sound: Path, behaviour: str
) -> None:
    begun_at = time.monotonic()

    reason_text = death_reason(impatient, sound, behaviour)

    assert reason_text.endswith("it took longer than 0.5 s.")
    assert 0.5 <= time.monotonic() - begun_at < 5


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("be_killed", "the process that read it was killed from outside"),
        ("lose_the_disk", "its end could not be read"),
        ("raise_os_error", "it cannot be read"),
    ],
)
def test_failures_that_the_file_did_not_cause_are_retried(
    misbehaving: Sandbox, sound: Path, behaviour: str, reason: str
) -> None:
    with pytest.raises(SandboxUnavailable) as caught:
        misbehaving.inspect(sound, name=behaviour)

    assert str(caught.value) == f"The file could not be inspected: {reason}"
    assert refusal(misbehaving, sound, "behave") == "well behaved"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"[" * 60_000,
        b"[]",
        b"{}",
        json.dumps({"objects": [{"format": "elf"}]}).encode(),
        json.dumps({"objects": [AN_OBJECT | {"format": "x"}]}).encode(),
        json.dumps({"objects": [AN_OBJECT | {"debug_id": "x"}]}).encode(),
        json.dumps({"objects": [AN_OBJECT | {"kind": 1}]}).encode(),
    ],
)
def test_an_invalid_response_is_a_death(
    misbehaving: Sandbox, tmp_path: Path, nonsense: bytes
) -> None:
    path = tmp_path / "nonsense"
    path.write_bytes(nonsense)

    reason_text = death_reason(misbehaving, path, "respond_with_file")

    assert reason_text.endswith("its answer made no sense.")


def test_a_child_has_hard_limits(misbehaving: Sandbox, sound: Path) -> None:
    limits = refusal(misbehaving, sound, "report_limits")

    hard = {line[:26].strip(): line[47:67].strip() for line in limits.splitlines()}
    assert {
        "Max core file size": "0",
        "Max cpu time": "2",
        "Max file size": "0",
        "Max open files": "16",
        "Max stack size": str(8 * MEBIBYTE),
    }.items() <= hard.items()
    assert 16 * MEBIBYTE < int(hard["Max address space"]) < 128 * MEBIBYTE


def test_a_child_cannot_write_files(misbehaving: Sandbox, sound: Path) -> None:
    before = sound.read_bytes()

    with pytest.raises(SandboxUnavailable, match="it cannot be read"):
        misbehaving.inspect(sound, name="write_a_file")

    assert sound.read_bytes() == before


def test_a_child_cannot_open_many_files(misbehaving: Sandbox, sound: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="it cannot be read"):
        misbehaving.inspect(sound, name="open_many_files")


def test_a_child_inherits_no_open_files(misbehaving: Sandbox, sound: Path) -> None:
    with sound.open("rb"):
        listed = refusal(misbehaving, sound, "report_open_files")

    # Null, null, stderr, response, and the listing itself.
    assert listed == "0 1 2 3 4"


def test_a_child_does_not_inherit_the_environment(
    misbehaving: Sandbox, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMDEPOT_SECRET_KEY", "do not tell")

    environment = refusal(misbehaving, sound, "report_environment")

    names = {line.partition("=")[0] for line in environment.strip("\0").split("\0")}
    assert names <= {"PYTHONPATH", "LC_CTYPE"}


def test_the_tail_of_stderr_is_logged(
    misbehaving: Sandbox, sound: Path, log: list[EventDict]
) -> None:
    death_reason(misbehaving, sound, "print_much_and_crash")

    (entry,) = log
    stderr = entry.pop("stderr")
    assert entry == {
        "event": "parser.died",
        "log_level": "warning",
        "file": "print_much_and_crash",
        "reason": "it crashed (SIGSEGV)",
    }
    assert stderr.endswith("aaaahthe last words")
    assert len(stderr) < 2200


@pytest.mark.parametrize(
    ("size_bytes", "memory_mebibytes", "cpu_seconds", "wall_seconds"),
    [(0, 512, 10, 30), (200 * MEBIBYTE, 800, 14, 40.48576), (2**31, 2048, 52, 137.4)],
)
def test_limits_grow_with_the_file(
    size_bytes: int, memory_mebibytes: int, cpu_seconds: int, wall_seconds: float
) -> None:
    given = resource_limits.for_inspection(size_bytes)

    assert given.memory_bytes == memory_mebibytes * MEBIBYTE
    assert given.mapped_bytes == size_bytes
    assert given.cpu_seconds == cpu_seconds
    assert given.wall_seconds == pytest.approx(wall_seconds, rel=1e-3)
