"""Mappings are queried, whatever they contain."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures import builders

from symdepot.domain.errors import NotADebugFile, ParserDied, SandboxUnavailable
from symdepot.domain.jvm import mapping_query as jvm_mapping
from symdepot.domain.jvm.retrace import (
    MappingQuery,
    MappingResult,
    ObfuscatedFrame,
)
from symdepot.sandbox import mapping_query_json, resource_limits
from symdepot.sandbox.operations import Sandbox
from symdepot.sandbox.protocol import InvalidMessage
from symdepot.sandbox.resource_limits import ResourceLimits

MAPPING = """\
com.example.Größe -> a.a:
    1:1:void com.example.Inner.leaf():7:7 -> c
    1:1:void run():3:3 -> c
"""
QUERY = MappingQuery(
    (ObfuscatedFrame("a.a", "c", 1, "(La/a;)V"), ObfuscatedFrame("\ud800", "x", 0)),
    ("a.a", "x"),
)
DEFAULT_LIMITS = resource_limits.for_mapping_query(1000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def spill_file(tmp_path: Path) -> Path:
    return tmp_path / "spill_file"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping"
    path.write_text(MAPPING)
    return path


def limited(limits: ResourceLimits) -> Sandbox:
    return Sandbox(limits=limits)


def large(folder: Path) -> Path:
    """Write a mapping with one method of very many ranges."""
    path = folder / "large"
    ranges = "".join(f"    {n}:{n}:void m{n}():1:1 -> z\n" for n in range(200_000))
    path.write_text("com.example.Large -> z.z:\n" + ranges)
    return path


def test_returns_what_the_mapping_returns(
    sandbox: Sandbox, mapping: Path, spill_file: Path
) -> None:
    result = sandbox.query_mapping(mapping, QUERY, spill_file)

    assert result == jvm_mapping.run_query(mapping, QUERY)
    assert result.class_names == {"a.a": "com.example.Größe"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"a -> b:\n\xff -> \xff:\n", builders.wasm(b"\1" * 16)],
)
def test_other_files_know_no_names(
    sandbox: Sandbox, spill_file: Path, content: bytes
) -> None:
    spill_file.with_name("odd").write_bytes(content)

    result = sandbox.query_mapping(spill_file.with_name("odd"), QUERY, spill_file)

    assert (result.frames, result.class_names) == ({}, {})


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (
            replace(DEFAULT_LIMITS, memory_bytes=1024**2, mapped_bytes=20_000_000),
            "it needed more than 1 MiB of memory",
        ),
        (replace(DEFAULT_LIMITS, wall_seconds=0.01), "it took longer than 0.01 s"),
        (replace(DEFAULT_LIMITS, written_bytes=100), "answers without end"),
    ],
)
def test_exceeding_a_limit_is_refused_with_a_reason(
    tmp_path: Path, spill_file: Path, limits: ResourceLimits, reason: str
) -> None:
    sandbox = limited(limits)

    with pytest.raises((ParserDied, NotADebugFile), match=reason):
        sandbox.query_mapping(large(tmp_path), MappingQuery((), ("z.z",)), spill_file)

    sandbox.close()


def test_a_missing_mapping_is_retried(
    sandbox: Sandbox, spill_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(SandboxUnavailable):
        sandbox.query_mapping(tmp_path / "gone", QUERY, spill_file)


@pytest.mark.parametrize(
    "content",
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
def test_invalid_results_are_rejected(content: bytes) -> None:
    with pytest.raises(InvalidMessage):
        mapping_query_json.result_from_json(QUERY, content)


def test_spill_files_round_trip() -> None:
    result = MappingResult({}, {"a.a": "\ud800"}, {"()V": "()"})

    assert (
        mapping_query_json.query_from_json(mapping_query_json.query_to_json(QUERY))
        == QUERY
    )
    assert (
        mapping_query_json.result_from_json(
            QUERY, mapping_query_json.result_to_json(QUERY, result)
        )
        == result
    )
