"""Limits of JVM requests; damaged and missing files."""

from typing import Any

import pytest
from tests.factories import a_client, a_debug_file, a_project
from tests.protocols.symbolicator.jvm_payloads import (
    BUNDLE_ID,
    MAPPING_ID,
    a_bundle_of,
    a_frame,
    a_mapping_of,
    modules,
    retraced,
    send,
)
from tests.protocols.symbolicator.payloads import post

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import Format
from symdepot.symbolication import jvm

pytestmark = pytest.mark.django_db

MAPPING = """\
com.example.Game -> a.a:
    5:6:void leaf():100:100 -> c
    5:6:void run():2:3 -> c
"""
SOURCE = {"~/com/example/Game.jvm": "one\ntwo\nthree\n"}
BOTH = [*modules(MAPPING_ID), *modules(BUNDLE_ID, kind="source")]


@pytest.fixture
def mapping() -> DebugFile:
    return a_mapping_of(a_project(), MAPPING)


def lose(row: DebugFile) -> None:
    blob_store().delete(Checksum(row.file.checksum))


@pytest.mark.usefixtures("mapping")
def test_frames_above_the_limit_stay_as_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jvm, "MAX_FRAMES", 5)

    frames = retraced(*[a_frame("a.a", "c", 5)] * 4)

    assert [frame["function"] for frame in frames] == ["run", "leaf"] * 2 + ["c", "c"]


@pytest.mark.usefixtures("mapping")
def test_lines_above_the_limit_have_no_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_bundle_of(a_project(), SOURCE)
    monkeypatch.setattr(jvm, "MAX_LINES", 1)
    own = [a_frame("com.example.Game", "x", line) for line in (1, 2, 1)]

    frames = retraced(*own, modules=BOTH)

    assert [frame.get("context_line") for frame in frames] == ["one", None, "one"]


def test_a_mapping_without_bytes_is_missing(mapping: DebugFile) -> None:
    lose(mapping)

    answer = send({"modules": modules(MAPPING_ID), "classes": ["a.a"]})

    assert answer.json()["errors"] == [{"uuid": MAPPING_ID, "type": "missing"}]


@pytest.mark.usefixtures("mapping")
def test_a_missing_or_damaged_bundle_has_no_sources() -> None:
    other_id = BUNDLE_ID.replace("7", "8")
    broken: dict[str, Any] = {"format": Format.SOURCE_BUNDLE, "kind": "src"}
    a_debug_file(
        a_project(), b"SYSB broken", debug_id=DebugId.parse(other_id), **broken
    )
    lose(a_bundle_of(a_project(), SOURCE))
    asked = [*BOTH, *modules(other_id, kind="source")]

    frames = retraced(a_frame("a.a", "c", 5), modules=asked)

    assert [frame["function"] for frame in frames] == ["run", "leaf"]
    assert all("context_line" not in frame for frame in frames)


@pytest.mark.usefixtures("mapping")
def test_the_first_bundle_with_a_line_wins() -> None:
    other_id = BUNDLE_ID.replace("7", "8")
    a_bundle_of(a_project(), {"~/com/example/Game.jvm": "1\n"})
    a_bundle_of(a_project(), SOURCE, other_id)
    asked = modules(BUNDLE_ID, other_id, BUNDLE_ID, kind="source")
    own = [a_frame("com.example.Game", "x", line) for line in (1, 2, 9)]

    frames = retraced(*own, modules=asked)

    assert [frame.get("context_line") for frame in frames] == ["1", "two", None]


@pytest.mark.parametrize(
    "much",
    [
        {"classes": [0] * 100_000},
        {"exceptions": [0] * 100_000},
        {"stacktraces": [{"frames": [0] * 100_000}]},
        {"classes": ["a"] * 100_001},
    ],
)
def test_only_the_first_of_many_errors_is_reported(much: dict[str, Any]) -> None:
    answer = post(a_client(), much, "/symbolicate-jvm")

    assert answer.status_code == 422
    assert len(answer.json()["causes"]) == 1
