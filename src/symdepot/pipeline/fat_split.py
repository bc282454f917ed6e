"""Cuts fat Mach-O files into thin ones, as newer clients do it before they send them."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from symdepot.domain.formats import fat_macho
from symdepot.domain.formats.fat_macho import FatSlice
from symdepot.uploads.scratch import scratch_file

_BLOCK_BYTES = 1024 * 1024


def thin_files(path: Path) -> Iterator[Path]:
    """Yield each thin file in the fat one at `path`; any other file as it lies.

    So each is looked up and served by itself. What is yielded is there until the next
    is asked for.

    Raises:
        StorageUnavailable: the scratch disk did not take a thin one.
        OSError: the file cannot be read.
    """
    slices = fat_macho.slices(path)
    if not slices:
        yield path
    for one in slices:
        with scratch_file(settings.SCRATCH_DIR, prefix="thin-") as thin:
            _copy(path, thin, one)
            yield thin


def _copy(path: Path, thin: Path, one: FatSlice) -> None:
    with path.open("rb") as file, thin.open("wb") as copy:
        file.seek(one.offset)
        left = one.size_bytes
        while block := file.read(min(left, _BLOCK_BYTES)):
            left -= len(block)
            copy.write(block)
