"""An organization's clients may be told not to send chunks."""

import pytest
from tests.factories import an_organization

from symdepot.projects import organizations
from symdepot.projects.models import AuditEntry, Organization

pytestmark = pytest.mark.django_db


def test_chunks_are_switched_off_and_on_and_it_is_noted_by_whom() -> None:
    organization = an_organization()
    an_organization("other")
    assert organization.takes_chunks

    organizations.set_chunk_upload(organization, on=False, by="me")
    off = set(Organization.objects.filter(takes_chunks=False))
    organizations.set_chunk_upload(organization, on=True, by="you")

    assert off == {organization}
    assert not Organization.objects.filter(takes_chunks=False).exists()
    assert list(AuditEntry.objects.values_list("actor", "action", "details")) == [
        ("me", "chunk-upload.changed", {"takes_chunks": False}),
        ("you", "chunk-upload.changed", {"takes_chunks": True}),
    ]


def test_what_changes_nothing_is_not_noted() -> None:
    organizations.set_chunk_upload(an_organization(), on=True, by="me")

    assert not AuditEntry.objects.exists()
