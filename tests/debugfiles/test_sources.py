"""Reading sources from bundles of one or several chunks."""

from pathlib import Path
from uuid import uuid4

import pytest
from tests.factories import a_debug_file, a_file, a_project
from tests.fixtures import builders

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents
from symdepot.debugfiles.contents import FileContent
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing
from symdepot.domain.objects import Format

pytestmark = pytest.mark.django_db

BUNDLE = builders.source_bundle(uuid4(), {"/usr/src/a.c": "int ä;\n", "b.c": "b\r\n"})


def kept(*parts: bytes) -> FileContent:
    row = a_debug_file(a_project(), format=Format.SOURCE_BUNDLE)
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(a_project(), *parts))
    row.refresh_from_db()
    return contents.file_content(row)


def source(content: FileContent, scratch: Path, *paths: str) -> bytes | None:
    return contents.read_source(content, paths, blob_store(), scratch)


@pytest.mark.parametrize("size", [10_000, 100])
def test_a_source_is_read_unchanged(tmp_path: Path, size: int) -> None:
    starts = range(0, len(BUNDLE), size)
    content = kept(*(BUNDLE[start : start + size] for start in starts))

    assert source(content, tmp_path, "/usr/src/a.c") == "int ä;\n".encode()
    assert source(content, tmp_path, "/b.c", "b.c") == b"b\r\n"
    assert source(content, tmp_path, "/usr/src/x/../a.c") == "int ä;\n".encode()
    assert source(content, tmp_path, "/nowhere.c") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_bundle_has_no_sources(tmp_path: Path) -> None:
    assert source(kept(b"no bundle at all"), tmp_path, "a.c") is None
    assert source(kept(BUNDLE[:-30]), tmp_path, "a.c") is None


def test_missing_bytes_raise(tmp_path: Path) -> None:
    content = kept(BUNDLE)
    blob_store().delete(content.checksum)

    with pytest.raises(BlobMissing):
        source(content, tmp_path, "b.c")
