"""Debug files that belong only to older releases."""

from datetime import UTC, datetime

import pytest
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles import associations
from symdepot.debugfiles.models import Association, DebugFile
from symdepot.projects.models import Project, Release, ReleaseStatus

pytestmark = pytest.mark.django_db


def a_release(
    version: str,
    *projects: Project,
    released: int | None = None,
    created: int | None = None,
    status: ReleaseStatus = ReleaseStatus.OPEN,
) -> Release:
    """Return a release of `projects`; `released` and `created` are years."""
    release = Release.objects.create(
        organization=projects[0].organization,
        version=version,
        status=status,
        released_at=datetime(released, 1, 1, tzinfo=UTC) if released else None,
    )
    if created is not None:
        Release.objects.filter(pk=release.pk).update(
            created_at=datetime(created, 1, 1, tzinfo=UTC)
        )
    release.projects.set(projects)
    return release


def files_of(*several: Release, project: Project) -> DebugFile:
    """Return a new debug file that is of all these releases."""
    row = a_debug_file(project)
    for release in several:
        Association.objects.create(release=release, debug_file=row)
    return row


def old(project: Project, keep: int) -> set[int]:
    found = associations.only_of_older_releases(project, keep)
    return set(found.values_list("pk", flat=True))


def test_files_of_a_new_release_are_not_old() -> None:
    game = a_project()
    one, two, three = (a_release(f"{n}.0", game, released=2000 + n) for n in (1, 2, 3))
    a_debug_file(game)
    first, second = files_of(one, project=game), files_of(two, project=game)
    third = files_of(three, project=game)
    files_of(one, three, project=game)
    both = files_of(one, two, project=game)

    assert old(game, 1) == {first.pk, second.pk, both.pk}
    assert old(game, 2) == {first.pk}
    assert old(game, 3) == old(game, 9) == set()
    assert {first.pk, second.pk, third.pk, both.pk} < old(game, 0)


def test_releases_are_sorted_by_date_then_by_row() -> None:
    game = a_project()
    late = a_release("late", game, released=2030, created=2001)
    early = a_release("early", game, released=2001, created=2030)
    never = a_release("never", game, created=2020)
    rows = {r.version: files_of(r, project=game).pk for r in (late, early, never)}

    assert old(game, 1) == {rows["early"], rows["never"]}
    assert old(game, 2) == {rows["early"]}


def test_of_two_releases_of_one_date_the_later_row_is_newer() -> None:
    game = a_project()
    first = files_of(a_release("a", game, released=2001), project=game)
    files_of(a_release("b", game, released=2001), project=game)

    assert old(game, 1) == {first.pk}


def test_an_archived_release_is_not_counted() -> None:
    game = a_project()
    gone = a_release("2.0", game, released=2002, status=ReleaseStatus.ARCHIVED)
    archived = files_of(gone, project=game)
    files_of(a_release("1.0", game, released=2001), project=game)

    assert old(game, 1) == {archived.pk}


def test_releases_of_other_projects_are_not_counted() -> None:
    game, tool = a_project(), a_project("tool")
    shared = a_release("1.0", game, tool, released=2001)
    newer = a_release("2.0", tool, released=2002)
    files_of(shared, project=game)
    theirs = files_of(shared, project=tool)
    files_of(newer, project=tool)

    assert old(game, 1) == set()
    assert old(tool, 1) == {theirs.pk}


def test_a_superseded_file_of_an_old_release_is_old() -> None:
    game = a_project()
    superseded = files_of(a_release("1.0", game, released=2001), project=game)
    newer = a_debug_file(game, debug_id=superseded.object_file().debug_id)
    release = a_release("2.0", game, released=2002)
    Association.objects.create(release=release, debug_file=newer)

    assert DebugFile.objects.get(pk=superseded.pk).superseded_at is not None
    assert old(game, 1) == {superseded.pk}
