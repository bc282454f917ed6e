"""Frames have source context from any bundle of their module."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings
from tests.factories import a_client, a_project, pieces, upload
from tests.fixtures import builders
from tests.protocols.symbolicator.payloads import DEBUG_ID, INLINED, a_request, at, post

from symdepot.blobs.configured import blob_store
from symdepot.blobs.memory import MemoryStore
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.projects.models import Project
from symdepot.uploads.models import Chunk, FileChunk

pytestmark = pytest.mark.django_db

LINES = [f"line {number};" for number in range(1, 21)]
HELLO = "\n".join([*LINES[:8], "x" * 200, *LINES[9:]])
CONTEXT = {"pre_context", "context_line", "post_context"}


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    project = a_project()
    upload(a_client(), INLINED.encode())
    return project


def sent(sources: dict[str, str], **how: object) -> bytes:
    bundle = builders.source_bundle(UUID(DEBUG_ID), sources)
    upload(a_client(), bundle, name="hello.src.zip", **how)
    return bundle


@pytest.fixture
def older() -> None:
    """A bundle in another project, where the newer one does not supersede it."""
    a_project("other")
    sent({"/src/hello.c": HELLO, "/src/twice.h": "a\nb\nc"}, project="other")


def frames(*addresses: int, **options: object) -> list[dict[str, object]]:
    body = a_request(*(at(address) for address in addresses), options=options)
    answer = post(a_client(), body).json()
    frames: list[dict[str, object]] = answer["stacktraces"][0]["frames"]
    return frames


def test_context_is_five_lines_each_side_and_long_lines_are_cut() -> None:
    sent({"/src/hello.c": HELLO})

    inlined, outer = frames(0x1012)

    assert not CONTEXT & set(inlined)
    assert outer["pre_context"] == LINES[2:7]
    assert outer["context_line"] == "line 8;"
    cut = "x" * 140 + " {snip}"
    assert outer["post_context"] == [cut, *LINES[9:13]]


def test_context_is_shorter_at_the_edge_of_a_file() -> None:
    sent({"/src/twice.h": "\n\nint twice;\n"})

    inlined, _ = frames(0x1012)

    assert inlined["pre_context"] == ["", ""]
    assert inlined["context_line"] == "int twice;"
    assert "post_context" not in inlined


def test_several_bundles_are_read_newest_first() -> None:
    sent({"/src/hello.c": HELLO.replace("line", "old")})
    sent({"/src/./lib/../hello.c": HELLO, "/src/twice.h": "a\nb\nc"})

    inlined, outer = frames(0x1012)

    assert (inlined["context_line"], outer["context_line"]) == ("c", "line 8;")


def test_an_older_bundle_is_not_read_if_the_newer_has_all_lines() -> None:
    old = sent({"/src/hello.c": HELLO.replace("line", "old")})
    sent({"/src/hello.c": HELLO, "/src/twice.h": "a\nb\nc"})

    frames(0x1012)

    used = {row.file.checksum: row.last_used_at for row in DebugFile.objects.all()}
    assert used.pop(Checksum.of(old).hex) is None
    assert all(used.values())


def test_the_module_has_the_sources_feature() -> None:
    sent({"/src/hello.c": HELLO})

    answer = post(a_client(), a_request(at(0x1012))).json()

    assert answer["modules"][0]["features"]["has_sources"] is True


def test_sources_can_be_switched_off() -> None:
    sent({"/src/hello.c": HELLO})

    for frame in frames(0x1012, apply_source_context=False):
        assert not CONTEXT & set(frame)


def replace_blob(content: bytes, damaged: bytes) -> None:
    store = blob_store()
    assert isinstance(store, MemoryStore)
    store._blobs[Checksum.of(content)] = damaged  # noqa: SLF001 -- stores do no damage


def damage_the_source(bundle: bytes) -> None:
    """Overwrite the compressed text of the first member, /src/hello.c."""
    start = bundle.index(b"files/src/hello.c") + len(b"files/src/hello.c")
    replace_blob(bundle, bundle[:start] + b"\xff" * 8 + bundle[start + 8 :])


def move_the_source(bundle: bytes) -> None:
    """Give the first member an offset that no file has."""
    content = io.BytesIO(bundle)
    with zipfile.ZipFile(content, "a") as archive:
        archive.getinfo("files/src/hello.c").header_offset = 2**63 - 1
        archive.writestr("changed", "")
    replace_blob(bundle, content.getvalue())


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("damage", [damage_the_source, move_the_source])
def test_an_older_bundle_replaces_a_damaged_source(
    damage: Callable[[bytes], None],
) -> None:
    """The newer bundle is open by then, and keeps its other sources."""
    damage(sent({"/src/hello.c": "changed\n" * 20, "/src/twice.h": "1\n2\n3"}))
    # The damage is as old as the last verification, which did not see it.
    for chunk in Chunk.objects.all():
        state = blob_store().local_state(Checksum(chunk.checksum))
        assert state is not None
        chunk.size_bytes = state.size_bytes
        chunk.verified_at = timezone.now() + timedelta(hours=1)
        chunk.save()

    inlined, outer = frames(0x1012)

    assert (inlined["context_line"], outer["context_line"]) == ("3", "line 8;")


def damage_a_chunk(pieces: Sequence[bytes]) -> None:
    replace_blob(pieces[1], b"~" * len(pieces[1]))


def lose_a_chunk(pieces: Sequence[bytes]) -> None:
    blob_store().delete(Checksum.of(pieces[1]))


def swap_chunks(pieces: Sequence[bytes]) -> None:
    checksum = Checksum.of(b"".join(pieces)).hex
    rows = FileChunk.objects.filter(file__checksum=checksum)
    first, second = rows.order_by("position")[:2]
    first.chunk, second.chunk = second.chunk, first.chunk
    first.save()
    second.save()


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("damage", [damage_a_chunk, lose_a_chunk, swap_chunks])
def test_an_older_bundle_replaces_one_whose_chunks_are_wrong(
    damage: Callable[[Sequence[bytes]], None],
) -> None:
    newer = sent({"/src/hello.c": "changed\n" * 20}, piece=100)
    damage(pieces(newer, 100))

    inlined, outer = frames(0x1012)

    assert (inlined["context_line"], outer["context_line"]) == ("c", "line 8;")


def test_a_bundle_without_bytes_only_loses_the_sources() -> None:
    bundle = sent({"/src/hello.c": HELLO})
    blob_store().delete(Checksum.of(bundle))

    inlined, outer = frames(0x1012)

    assert (inlined["function"], outer["function"]) == ("twice(int)", "main")
    assert not CONTEXT & set(outer)
