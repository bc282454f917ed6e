"""Files made to harm whoever reads them: each is an error with a reason, and no more."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from tests.clients import builds
from tests.clients.depot import Depot
from tests.fixtures import builders, compiled

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

PE_HEADERS_BYTES = 368


def _deep_breakpad(folder: Path, depth: int) -> Path:
    path = folder / "deep.sym"
    path.write_bytes(builders.deep_breakpad(uuid4(), depth))
    return path


@pytest.mark.parametrize("steps", range(1, 17))
def test_a_program_for_windows_with_half_a_header_is_refused(
    depot: Depot, steps: int
) -> None:
    content = builders.pe(uuid4())[: PE_HEADERS_BYTES * steps // 17]

    standing = depot.wire.upload(content, "game.exe")

    assert standing["state"] == "error"
    assert standing["detail"].startswith(
        "Invalid debug information file: invalid PE file\n  caused by: "
    )


@pytest.mark.parametrize("deep", [compiled.deep_elf, _deep_breakpad])
def test_inlining_without_end_is_refused(
    depot: Depot, tmp_path: Path, deep: Callable[[Path, int], Path]
) -> None:
    content = deep(tmp_path, 10_000).read_bytes()

    standing = depot.wire.upload(content, "deep")

    assert (standing["state"], standing["detail"]) == (
        "error",
        "Reading this file ended the process that read it: it crashed (SIGSEGV).",
    )
    assert depot.wire.upload(builds.symbols(), "after.sym")["state"] == "ok"


def test_a_section_that_lies_about_its_size_is_refused(
    depot: Depot, tmp_path: Path
) -> None:
    path, unpacked_bytes = builds.lying(builds.compiled(tmp_path))

    standing = depot.wire.upload(path.read_bytes(), "liar")

    assert standing["state"] == "error"
    assert standing["detail"] == (
        f"Invalid debug information file: its {path.stat().st_size} bytes "
        f"say that they unpack to {unpacked_bytes} bytes"
    )
