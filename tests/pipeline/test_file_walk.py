"""Walking folders yields every file once, under its real path."""

import os
from pathlib import Path

from symdepot.pipeline.bulk_import import file_walk
from symdepot.pipeline.bulk_import.file_walk import (
    UnreadablePath,
    WalkedFile,
)


def names(*paths: Path) -> list[str]:
    return [one.path.name for one in file_walk.walk(paths)]


def a_file(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_are_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b/2", "a", "b/1", "c/d/e"):
        a_file(tmp_path / name)

    assert names(tmp_path) == ["a", "1", "2", "e"]
    assert names(tmp_path / "c", tmp_path / "a") == ["e", "a"]


def test_links_are_followed_and_files_yielded_once(tmp_path: Path) -> None:
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


def test_link_cycles_are_walked_once(tmp_path: Path) -> None:
    a_file(tmp_path / "a" / "file")
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    (tmp_path / "c").symlink_to("a")

    assert names(tmp_path) == ["file"]


def test_dangling_links_and_devices_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "through").symlink_to("file/below")
    os.mkfifo(tmp_path / "fifo")
    a_file(tmp_path / "file")

    assert names(tmp_path) == ["file"]


def test_administrative_files_of_symbol_stores_are_skipped(tmp_path: Path) -> None:
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


def test_an_unreadable_path_is_yielded_and_the_walk_continues(
    tmp_path: Path,
) -> None:
    a_file(tmp_path / "file")
    (tmp_path / "link").symlink_to("x" * 300)

    link, file = sorted(file_walk.walk([tmp_path]), key=lambda one: type(one).__name__)

    assert link == UnreadablePath(
        tmp_path / ("x" * 300), "It cannot be read: File name too long."
    )
    assert file.path.name == "file"


def test_count_files(tmp_path: Path) -> None:
    a_file(tmp_path / "a", b"12345")
    a_file(tmp_path / "b" / "c", b"1234567")
    (tmp_path / "again").symlink_to("a")

    assert file_walk.count_files([tmp_path]) == (2, 12)


def test_a_written_file_is_changed_even_with_the_same_times(tmp_path: Path) -> None:
    path = a_file(tmp_path / "file")
    (found,) = file_walk.walk([path])
    assert isinstance(found, WalkedFile)
    assert file_walk.is_unchanged(found)

    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(found.modified_ns, found.modified_ns))

    assert not file_walk.is_unchanged(found)
