"""Organizations and projects are founded under names that fit into URLs."""

import re
from functools import partial

import pytest
from tests.concurrency import run_at_once
from tests.factories import an_organization

from symdepot.domain.errors import (
    InvalidRequest,
    OrganizationMissing,
    ProjectMissing,
)
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Organization, Project, Token

GOOD = ["a", "0a", "acme", "a-b_c", "x" * 50]
BAD = ["", "4711", "A", "ü", "a b", "a/b", "-a", "a-", "_a", "x" * 51, "a\n", "a\x00"]


@pytest.mark.django_db
@pytest.mark.parametrize("slug", GOOD)
def test_a_good_name_is_taken_once_in_each_place(slug: str) -> None:
    organization = organizations.create_organization(slug, by="me")
    project = organizations.create_project(organization, slug, by="me")
    other = organizations.create_project(an_organization("other-one"), slug, by="me")

    assert organizations.get_organization(slug) == organization
    assert organizations.get_project(slug, slug) == project != other
    with pytest.raises(InvalidRequest, match="There is an organization"):
        organizations.create_organization(slug, by="me")
    with pytest.raises(InvalidRequest, match="already"):
        organizations.create_project(organization, slug, by="me")
    assert Organization.objects.filter(slug=slug).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("slug", BAD)
def test_a_bad_name_is_refused_with_what_a_good_one_is(slug: str) -> None:
    text = re.escape(f"{slug!r} cannot be a name in URLs")

    with pytest.raises(InvalidRequest, match=text):
        organizations.create_organization(slug, by="me")
    with pytest.raises(InvalidRequest, match=text):
        organizations.create_project(an_organization(), slug, by="me")


@pytest.mark.django_db
def test_what_was_not_founded_is_missing() -> None:
    an_organization()

    with pytest.raises(OrganizationMissing, match="There is no organization 'x'"):
        organizations.get_organization("x")
    with pytest.raises(ProjectMissing, match="no project 'x' in organization 'acme'"):
        organizations.get_project("acme", "x")


@pytest.mark.django_db
def test_the_first_start_founds_what_one_needs_and_later_ones_nothing() -> None:
    token = organizations.create_defaults()

    assert token is not None
    row = tokens.authenticate(token)
    assert row.project is None
    assert row.scopes == ["org:ci", "project:read", "project:releases", "project:write"]
    assert (
        organizations.get_project("default", "default").organization == row.organization
    )
    assert organizations.create_defaults() is None
    assert Token.objects.count() == 1


@pytest.mark.django_db
def test_a_start_beside_other_organizations_founds_nothing() -> None:
    an_organization()

    assert organizations.create_defaults() is None
    assert not Project.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_several_first_starts_at_once_one_gets_the_token() -> None:
    given = run_at_once([partial(organizations.create_defaults) for _ in range(8)])

    assert len([token for token in given if token]) == 1
    assert Organization.objects.count() == Project.objects.count() == 1
    assert Token.objects.count() == 1
