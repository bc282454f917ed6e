"""Rows of chunks and of their owners."""

from contextlib import suppress

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_project, an_organization, own

from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.uploads import chunks
from symdepot.uploads.models import Chunk, ChunkOwner

pytestmark = pytest.mark.django_db

ONE, TWO, THREE = (Checksum.of(content) for content in (b"1", b"22", b"333"))


def test_owned_sizes_are_of_the_organization_s_own_chunks() -> None:
    own(a_project(), b"1", b"22")
    own(a_project(organization="other"), b"22", b"333")

    assert chunks.owned_sizes(an_organization(), [ONE, TWO, THREE]) == {ONE: 1, TWO: 2}
    assert chunks.owned_sizes(an_organization("other"), [ONE, TWO]) == {TWO: 2}
    assert chunks.owned_sizes(an_organization(), []) == {}


def test_the_sizes_of_many_chunks_take_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    own(a_project(), b"1")
    organization = an_organization()
    requested = [ONE, *(Checksum.of(b"x%d" % n) for n in range(4096))]

    with django_assert_num_queries(1):
        assert chunks.owned_sizes(organization, requested) == {ONE: 1}


def test_missing_chunks_are_listed_once_and_in_order() -> None:
    assert chunks.missing([THREE, ONE, TWO, THREE, ONE], {TWO}) == [THREE, ONE]
    assert chunks.missing([], {TWO}) == []
    assert chunks.missing([TWO, TWO], {TWO}) == []


def test_recording_a_chunk_twice_updates_its_time() -> None:
    own(a_project(), b"1")
    before = Chunk.objects.get()

    own(a_project(), b"1")

    after = Chunk.objects.get()
    assert (after.pk, after.size_bytes) == (before.pk, 1)
    assert after.received_at > before.received_at
    assert ChunkOwner.objects.count() == 1


def test_a_chunk_whose_bytes_were_freed_meanwhile_is_not_recorded() -> None:
    own(a_project(), b"1")
    blob_store().delete(TWO)

    with pytest.raises(StorageUnavailable):
        chunks.record_chunks(an_organization(), {ONE: 1, TWO: 2}, blob_store())

    with suppress(Chunk.DoesNotExist):
        Chunk.objects.get(checksum=TWO.hex)
        pytest.fail("the row is there, and its bytes are not")


def test_a_damaged_chunk_is_missing_until_it_is_sent_again() -> None:
    own(a_project(), b"1")
    own(a_project(organization="other"), b"1", b"22")

    chunks.forget_damaged(ONE)

    assert chunks.owned_sizes(an_organization(), [ONE]) == {}
    assert chunks.owned_sizes(an_organization("other"), [ONE, TWO]) == {TWO: 2}
    own(a_project(), b"1")
    assert chunks.owned_sizes(an_organization(), [ONE]) == {ONE: 1}
