"""Every file in a tree is found once, under its real name, wherever links lead."""

import os
from pathlib import Path

from symdepot.pipeline.bulk_import import file_walk
from symdepot.pipeline.bulk_import.file_walk import (
    UnreadablePath,
    WalkedFile,
    WalkTotals,
)


def names(*paths: Path) -> list[str]:
    return [one.path.name for one in file_walk.walk(paths)]


def a_file(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_are_found_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2", "a", "b/1", "c/d/e"):
        a_file(tmp_path / name)

    assert names(tmp_path) == ["a", "1", "2", "e"]
    assert names(tmp_path / "c", tmp_path / "a") == ["e", "a"]


def test_links_are_followed_and_lead_to_no_file_twice(tmp_path: Path) -> None:
    real = a_file(tmp_path / "elsewhere" / "libfoo.so.1.2.debug")
    tree = tmp_path / "tree"
    own = a_file(tree / "lib" / "own.debug")
    links = tree / ".build-id" / "ab"
    links.mkdir(parents=True)
    (links / "cdef.debug").symlink_to(real)
    (links / "cdef.debug.1").symlink_to("cdef.debug")
    (links / "0123.debug").symlink_to("../../lib/own.debug")
    os.link(real, tree / "same-file")

    assert [one.path for one in file_walk.walk([tree, own])] == [own, real]


def test_folders_that_hold_themselves_are_gone_through_once(tmp_path: Path) -> None:
    a_file(tmp_path / "a" / "file")
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    (tmp_path / "c").symlink_to("a")

    assert names(tmp_path) == ["file"]


def test_what_leads_nowhere_or_is_no_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "through").symlink_to("file/below")
    os.mkfifo(tmp_path / "fifo")
    a_file(tmp_path / "file")

    assert names(tmp_path) == ["file"]


def test_what_a_symbol_store_keeps_for_itself_is_passed_over(tmp_path: Path) -> None:
    for name in (
        "000Admin/server.txt",
        "pingme.txt",
        "index2.txt",
        "a.pdb/1/file.ptr",
        "a.pdb/1/refs.ptr",
        "a.pdb/1/a.pdb",
    ):
        a_file(tmp_path / name)

    assert names(tmp_path) == ["a.pdb"]


def test_what_cannot_be_looked_at_is_told_of_and_does_not_end_the_walk(
    tmp_path: Path,
) -> None:
    a_file(tmp_path / "file")
    (tmp_path / "link").symlink_to("x" * 300)

    link, file = sorted(file_walk.walk([tmp_path]), key=lambda one: type(one).__name__)

    assert link == UnreadablePath(
        tmp_path / ("x" * 300), "It cannot be read: File name too long."
    )
    assert file.path.name == "file"


def test_a_survey_counts_what_a_walk_finds(tmp_path: Path) -> None:
    a_file(tmp_path / "a", b"12345")
    a_file(tmp_path / "b" / "c", b"1234567")
    (tmp_path / "again").symlink_to("a")

    assert file_walk.count_files([tmp_path]) == WalkTotals(files=2, size_bytes=12)


def test_a_file_is_no_longer_the_same_when_it_was_written_to(tmp_path: Path) -> None:
    path = a_file(tmp_path / "file")
    (found,) = file_walk.walk([path])
    assert isinstance(found, WalkedFile)
    assert file_walk.is_unchanged(found)

    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(found.modified_ns, found.modified_ns))

    assert not file_walk.is_unchanged(found)
