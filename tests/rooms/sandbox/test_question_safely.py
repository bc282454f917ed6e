"""Strangers' mappings are asked for names, and hostile ones end nobody but their reader."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures import builders

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.jvm import mapping as jvm_mapping
from symdepot.domain.jvm.retrace import (
    MappingQuery,
    MappingResult,
    ObfuscatedFrame,
)
from symdepot.sandbox import resource_limits, spill_files
from symdepot.sandbox.operations import Sandbox
from symdepot.sandbox.protocol import InvalidMessage
from symdepot.sandbox.resource_limits import ResourceLimits

MAPPING = """\
com.example.Größe -> a.a:
    1:1:void com.example.Inner.leaf():7:7 -> c
    1:1:void run():3:3 -> c
"""
ASKED = MappingQuery(
    (ObfuscatedFrame("a.a", "c", 1, "(La/a;)V"), ObfuscatedFrame("\ud800", "x", 0)),
    ("a.a", "x"),
)
USUAL = resource_limits.for_mapping_query(1000)


@pytest.fixture(scope="module")
def retracer() -> Iterator[Sandbox]:
    retracer = Sandbox()
    yield retracer
    retracer.close()


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    return tmp_path / "paper"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping"
    path.write_text(MAPPING)
    return path


def limited(allowed: ResourceLimits) -> Sandbox:
    return Sandbox(limits=allowed)


def large(folder: Path) -> Path:
    """A mapping whose one method has very many ranges."""
    path = folder / "large"
    ranges = "".join(f"    {n}:{n}:void m{n}():1:1 -> z\n" for n in range(200_000))
    path.write_text("com.example.Large -> z.z:\n" + ranges)
    return path


def test_the_child_answers_as_the_mapping_does(
    retracer: Sandbox, mapping: Path, paper: Path
) -> None:
    told = retracer.query_mapping(mapping, ASKED, paper)

    assert told == jvm_mapping.run_query(mapping, ASKED)
    assert told.class_names == {"a.a": "com.example.Größe"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"a -> b:\n\xff -> \xff:\n", builders.wasm(b"\1" * 16)],
)
def test_what_is_no_mapping_knows_nothing(
    retracer: Sandbox, paper: Path, content: bytes
) -> None:
    paper.with_name("odd").write_bytes(content)

    told = retracer.query_mapping(paper.with_name("odd"), ASKED, paper)

    assert (told.frames, told.class_names) == ({}, {})


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [
        (
            replace(USUAL, memory_bytes=1024**2, mapped_bytes=20_000_000),
            "it needed more than 1 MiB of memory",
        ),
        (replace(USUAL, wall_seconds=0.01), "it took longer than 0.01 s"),
        (replace(USUAL, written_bytes=100), "answers without end"),
    ],
)
def test_a_mapping_beyond_its_limits_is_refused_with_a_reason(
    tmp_path: Path, paper: Path, allowed: ResourceLimits, reason: str
) -> None:
    retracer = limited(allowed)

    with pytest.raises((ParserDied, NotADebugFile), match=reason):
        retracer.query_mapping(large(tmp_path), MappingQuery((), ("z.z",)), paper)

    retracer.close()


def test_a_mapping_that_is_gone_is_worth_a_retry(
    retracer: Sandbox, paper: Path, tmp_path: Path
) -> None:
    with pytest.raises(SandboxUnavailable):
        retracer.query_mapping(tmp_path / "gone", ASKED, paper)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"frames": [], "class_names": {"a": 1}, "signatures": {}}',
        b'{"frames": [[2, []]], "class_names": {}, "signatures": {}}',
        b'{"frames": [[-1, []]], "class_names": {}, "signatures": {}}',
        b'{"frames": [[0, [["a", "b", 1, 2]]]], "class_names": {}, "signatures": {}}',
    ],
)
def test_who_has_taken_over_a_child_can_say_nothing_but_answers(said: bytes) -> None:
    with pytest.raises(InvalidMessage):
        spill_files.result_from_json(ASKED, said)


def test_papers_bring_over_what_is_written_on_them() -> None:
    told = MappingResult({}, {"a.a": "\ud800"}, {"()V": "()"})

    assert spill_files.query_from_json(spill_files.query_to_json(ASKED)) == ASKED
    assert (
        spill_files.result_from_json(ASKED, spill_files.result_to_json(ASKED, told))
        == told
    )
