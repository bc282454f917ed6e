"""Archives are extracted or refused, whatever they contain and the child does."""

import io
import os
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from tests.fixtures import builders, packed
from tests.sandbox.misbehaving_extractor import A_SECOND

from symdepot.domain.errors import NotADebugFile, ParserDied
from symdepot.domain.formats.file_type import ArchiveKind
from symdepot.sandbox import archive_reader
from symdepot.sandbox.archive_reader import ExtractedFile, SkippedFile

EXTRACTOR = str(Path(__file__).with_name("misbehaving_extractor.py"))
LARGE = 1 << 30
SYMBOLS = builders.breakpad(UUID(int=7), body="PUBLIC 2000 0 exported\n" * 20_000)


def extracted(
    path: Path, kind: ArchiveKind, *, member_bytes: int = LARGE
) -> dict[str, bytes | str]:
    """Return contents, or why a file is skipped, by name."""
    return contents(archive_reader.extract(path, kind, member_bytes=member_bytes))


def contents(members: Generator[ExtractedFile | SkippedFile]) -> dict[str, bytes | str]:
    with closing(members):
        return {
            one.name: b"".join(one.blocks)
            if isinstance(one, ExtractedFile)
            else one.why
            for one in members
        }


def refused(path: Path, kind: ArchiveKind) -> str:
    with pytest.raises(NotADebugFile) as refusal:
        extracted(path, kind)
    return str(refusal.value)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with two symbol files and another file."""
    tree = tmp_path / "tree"
    (tree / "usr" / "lib").mkdir(parents=True)
    (tree / "usr" / "lib" / "hello.sym").write_bytes(SYMBOLS)
    (tree / "usr" / "lib" / "größe.sym").write_bytes(builders.breakpad(UUID(int=8)))
    (tree / "usr" / "changelog").write_text("Nothing has changed.")
    (tree / "usr" / "link.sym").symlink_to("lib/hello.sym")
    return tree


PACKERS: dict[str, tuple[ArchiveKind, Callable[[Path, Path], Path]]] = {
    "xz.deb": (ArchiveKind.DEB, lambda *a: packed.deb(*a, compression="xz")),
    "zstd.deb": (ArchiveKind.DEB, lambda *a: packed.deb(*a, compression="zstd")),
    "none.deb": (ArchiveKind.DEB, lambda *a: packed.deb(*a, compression="none")),
    "xz.rpm": (ArchiveKind.RPM, packed.rpm),
    "zstd.rpm": (ArchiveKind.RPM, lambda *a: packed.rpm(*a, compression="w3.zstdio")),
    "t.tar": (ArchiveKind.TAR, packed.tar),
    "t.tar.gz": (ArchiveKind.TAR, packed.tar),
    "t.tar.bz2": (ArchiveKind.TAR, packed.tar),
    "t.tar.zst": (ArchiveKind.TAR, packed.tar),
}


@pytest.mark.parametrize("name", PACKERS)
def test_extracts_debug_files_from_real_packages(
    name: str, tree: Path, tmp_path: Path
) -> None:
    kind, pack = PACKERS[name]

    assert extracted(pack(tree, tmp_path / name), kind) == {
        "/usr/lib/größe.sym": builders.breakpad(UUID(int=8)),
        "/usr/lib/hello.sym": SYMBOLS,
    }


def test_extracts_cabinets(tmp_path: Path) -> None:
    (tmp_path / "hello.pdb").write_bytes(builders.pdb(UUID(int=7)))
    cabinet = packed.cabinet(tmp_path / "hello.pdb", tmp_path / "hello.pd_")

    assert extracted(cabinet, ArchiveKind.CABINET) == {
        "/hello.pdb": builders.pdb(UUID(int=7))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xz.deb", "none.deb", "zstd.rpm", "t.tar.gz"])
def test_truncated_packages_are_refused(name: str, tree: Path, tmp_path: Path) -> None:
    kind, pack = PACKERS[name]
    package = pack(tree, tmp_path / name)
    content = package.read_bytes()

    for part in range(1, 10):
        package.write_bytes(content[: len(content) * part // 10])
        assert refused(package, kind).startswith("The ")


@pytest.mark.parametrize("kind", ArchiveKind)
def test_other_files_are_refused(kind: ArchiveKind, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(SYMBOLS[:5000])

    assert refused(tmp_path / "file", kind).startswith("The archive cannot be read: ")


def test_a_package_without_files_is_refused(tmp_path: Path) -> None:
    header = f"{'debian-binary':16}{0:<12}{0:<6}{0:<6}{100644:<8}{4:<10}`\n"
    (tmp_path / "a.deb").write_bytes(b"!<arch>\n" + header.encode() + b"2.0\n")

    assert refused(tmp_path / "a.deb", ArchiveKind.DEB) == (
        "The package has no data.tar, so there are no files in it."
    )


def test_encrypted_files_are_refused(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("hello.sym", SYMBOLS)
    content = bytearray(archive.getvalue())
    for signature, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags_at] |= 1
    (tmp_path / "a.zip").write_bytes(content)

    assert "assphrase" in refused(tmp_path / "a.zip", ArchiveKind.ZIP)


def test_corrupted_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "hello.sym").write_bytes(SYMBOLS)
    cabinet = packed.cabinet(tmp_path / "hello.sym", tmp_path / "hello.sy_")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("hello.sym", SYMBOLS)

    for archive, kind in (
        (cabinet, ArchiveKind.CABINET),
        (tmp_path / "a.zip", ArchiveKind.ZIP),
    ):
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 1
        archive.write_bytes(content)
        assert refused(archive, kind).startswith("The archive cannot be read: ")


def test_a_false_size_is_refused(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("hello.sym", SYMBOLS)
    content = bytearray(archive.getvalue())
    for signature, size_at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + size_at
        content[at : at + 4] = (len(SYMBOLS) + 7).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)

    assert refused(tmp_path / "a.zip", ArchiveKind.ZIP).startswith(
        "The archive cannot be "
    )


@pytest.mark.slow
def test_decompression_bombs_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.tar.xz"
    with tarfile.open(bomb, "w:xz", preset=1) as opened:
        for name in ("first.sym", "second.sym"):
            size = 100_000_000
            member = tarfile.TarInfo(name)
            member.size = size
            opened.addfile(member, io.BytesIO(SYMBOLS + bytes(size - len(SYMBOLS))))
    assert bomb.stat().st_size * 200 < 100_000_000

    assert refused(bomb, ArchiveKind.TAR) == "The archive expands beyond all measure."


def test_too_large_files_are_skipped(tree: Path, tmp_path: Path) -> None:
    archive = packed.tar(tree, tmp_path / "a.tar")

    assert extracted(archive, ArchiveKind.TAR, member_bytes=1000) == {
        "/usr/lib/größe.sym": builders.breakpad(UUID(int=8)),
        "/usr/lib/hello.sym": (
            f"File /usr/lib/hello.sym exceeds maximum size ({len(SYMBOLS)} > 1000)"
        ),
    }


def test_names_outside_the_archive_are_harmless(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as opened:
        for name in ("/etc/passwd", "../../../escaped.sym"):
            member = tarfile.TarInfo(name)
            member.size = len(SYMBOLS)
            opened.addfile(member, io.BytesIO(SYMBOLS))

    found = extracted(tmp_path / "a.tar", ArchiveKind.TAR)

    assert set(found) == {"/etc/passwd", "/../../../escaped.sym"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_a_file_need_not_be_read_to_its_end(tree: Path, tmp_path: Path) -> None:
    archive = packed.tar(tree, tmp_path / "a.tar")

    names = [
        one.name
        for one in archive_reader.extract(archive, ArchiveKind.TAR, member_bytes=LARGE)
        if isinstance(one, SkippedFile) or next(one.blocks)
    ]

    assert sorted(names) == ["/usr/lib/größe.sym", "/usr/lib/hello.sym"]


def test_closing_the_generator_kills_the_child(tree: Path, tmp_path: Path) -> None:
    archive = packed.tar(tree, tmp_path / "a.tar")
    reading = archive_reader.extract(archive, ArchiveKind.TAR, member_bytes=LARGE)
    next(reading)
    (child,) = extractors()

    reading.close()

    assert not child.is_running()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("crash", "it crashed (SIGSEGV)"),
        ("spin", "it needed more than 1 s of processor time"),
        ("be_silent", "it said nothing for 1 s"),
        ("give_up", "its answer made no sense"),
        ("end_early", "it gave up (status 0)"),
        ("babble", "its answer made no sense"),
        ("promise_too_much", "its answer made no sense"),
        ("give_data_of_nothing", "its answer made no sense"),
        ("give_too_much", "its answer made no sense"),
        ("refuse_in_gibberish", "its answer made no sense"),
    ],
)
def test_misbehaving_children_are_reported_in_time(
    behaviour: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    began = time.monotonic()

    with pytest.raises(ParserDied, match=re.escape(reason)):
        contents(
            archive_reader.extract(
                tmp_path / "file",
                ArchiveKind.TAR,
                member_bytes=1_000_000,
                extractor=(EXTRACTOR, behaviour),
                limits_for=lambda _: replace(
                    A_SECOND, wall_seconds=1 if behaviour == "be_silent" else 20
                ),
            )
        )

    assert time.monotonic() - began < 20
    assert extractors() == []


def extractors() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(os.getpid()).children()
        if any(
            "archive_child" in word or "extractor" in word for word in child.cmdline()
        )
    ]
