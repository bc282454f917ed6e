"""The same files, in a depot and in elfutils' own debuginfod: where do answers differ?"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import builds, elfutils
from tests.clients.debuggers import build_id_of, program
from tests.clients.depot import Depot
from tests.clients.wire import Answer, Wire

pytestmark = [pytest.mark.server, pytest.mark.slow]

_SAID_BY_BOTH = ("content-type", "content-length", "x-debuginfod-size")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program and its debug information, apart from each other."""
    path = builds.compiled(tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    for made in (builds.stripped(path), builds.companion(path)):
        made.rename(kept / made.name)
    return kept


@pytest.fixture
def reference(folder: Path) -> Iterator[Wire]:
    """Debian's debuginfod, which has read all of the folder."""
    program("debuginfod")
    build_id = build_id_of(folder / "hello.stripped")
    paths = [f"/buildid/{build_id}/{kind}" for kind in ("debuginfo", "executable")]
    with elfutils.serving(folder, paths) as wire:
        yield wire


@pytest.fixture
def ours(depot: Depot, folder: Path) -> Wire:
    for path in folder.iterdir():
        depot.wire.upload(path.read_bytes(), path.name)
    return depot.wire


def told(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    said = {name: headers.get(name, "") for name in _SAID_BY_BOTH}
    return answer.status, answer.content, said


def test_both_servers_return_the_same_bytes(
    folder: Path, reference: Wire, ours: Wire
) -> None:
    build_id = build_id_of(folder / "hello.stripped")
    sections = (".text", ".debug_line", ".debug_info", ".note.gnu.build-id")

    for rest in ("debuginfo", "executable", *(f"section/{s}" for s in sections)):
        path = f"/buildid/{build_id}/{rest}"
        theirs, own = (told(wire.ask("GET", path)) for wire in (reference, ours))
        assert theirs[0] == 200, path
        # The third comes from memory.
        assert [told(ours.ask("GET", path)) for _ in range(2)] == [own, own]
        if "section" in rest:
            # It tells the size of sections in no header of its own.
            theirs[2]["x-debuginfod-size"] = own[2]["x-debuginfod-size"]
        assert theirs == own, path


def test_both_servers_answer_a_miss_alike(
    folder: Path, reference: Wire, ours: Wire
) -> None:
    build_id = build_id_of(folder / "hello.stripped")

    for rest in (
        f"{build_id}/section/.nothing",
        f"{build_id}/source/usr/src/nothing.c",
        f"{build_id[::-1]}/debuginfo",
        f"{build_id[:-2]}/executable",
    ):
        theirs, own = (
            wire.ask("GET", f"/buildid/{rest}") for wire in (reference, ours)
        )
        assert (theirs.status, theirs.content) == (404, b"not found"), rest
        assert (own.status, own.content) == (404, b"not found"), rest
        assert told(own)[2]["content-length"] == told(theirs)[2]["content-length"]


def test_both_servers_refuse_a_too_large_file_alike(
    folder: Path, reference: Wire, ours: Wire
) -> None:
    path = f"/buildid/{build_id_of(folder / 'hello.stripped')}/executable"
    limit = [("X-DEBUGINFOD-MAXSIZE", "7")]

    theirs, own = (wire.ask("GET", path, headers=limit) for wire in (reference, ours))

    assert theirs.status == own.status == 406
    assert theirs.content == own.content


@pytest.mark.parametrize(
    ("method", "rest", "status", "own_status"),
    [
        ("GET", "{upper}/debuginfo", 503, 400),
        ("GET", "abc/debuginfo", 503, 400),
        ("GET", "{id}/nothing", 503, 404),
        ("GET", "{id}", 503, 404),
        ("HEAD", "{id}/debuginfo", 400, 200),
        ("POST", "{id}/debuginfo", 400, 405),
    ],
)
def test_intended_differences_from_elfutils(  # noqa: PLR0913, PLR0917 -- columns of a table
    folder: Path,
    reference: Wire,
    ours: Wire,
    method: str,
    rest: str,
    status: int,
    own_status: int,
) -> None:
    build_id = build_id_of(folder / "hello.stripped")
    path = f"/buildid/{rest.format(id=build_id, upper=build_id.upper())}"

    assert reference.ask(method, path).status == status
    assert ours.ask(method, path).status == own_status


def test_metrics_have_the_names_of_elfutils(reference: Wire, ours: Wire) -> None:
    for wire in (reference, ours):
        wire.ask("GET", f"/buildid/{'ab' * 20}/debuginfo")

    theirs, own = (
        {
            (name, tuple(sorted(re.findall(r"(\w+)=", labels))))
            for name, labels in re.findall(
                r"^(\w+)(?:\{(.*)\})? [0-9.]+$",
                wire.ask("GET", "/metrics").content.decode(),
                re.MULTILINE,
            )
        }
        for wire in (reference, ours)
    )

    assert own
    assert own <= theirs | {
        ("found_debuginfo_total", ("source",)),
        ("symdepot_damaged_chunks", ()),
    }


def test_both_servers_name_themselves(reference: Wire, ours: Wire) -> None:
    for wire, whose in ((reference, "elfutils"), (ours, "symdepot")):
        said = wire.ask("GET", "/")
        assert said.status == 200
        assert said.headers["Content-Type" if wire is reference else "content-type"]
        assert re.match(rf"debuginfod \({whose}\) [0-9.]+", said.content.decode())
