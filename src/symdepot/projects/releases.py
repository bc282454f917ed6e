"""Keeps releases: the versions of what an organization ships."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce

from symdepot.domain.errors import InvalidRequest, NotAllowed, ReleaseMissing
from symdepot.projects import audit
from symdepot.projects.access import AccessScope, is_row_id
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project, Release, ReleaseStatus

LONGEST_VERSION = 250
_LONGEST_URL = 2000
_MOST_PROJECTS = 500
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class ReleaseUpdate:
    """What somebody says of a release; None and nothing leave all as it is.

    `projects` are slugs or numbers.
    """

    projects: Sequence[str] = ()
    url: str | None = None
    status: ReleaseStatus | None = None
    started_at: datetime | None = None
    released_at: datetime | None = None


def list_releases(reach: AccessScope) -> QuerySet[Release]:
    """Return the releases within `reach`, the latest first, unsliced.

    Each with those of its `projects` that the token may see.
    """
    rows = Release.objects.filter(organization=reach.organization)
    if reach.project is not None:
        rows = rows.filter(projects=reach.project)
    seen = Prefetch("projects", queryset=reach.projects())
    return rows.prefetch_related(seen).order_by("-created_at", "-pk")


def open_releases(project: Project) -> QuerySet[Release]:
    """Return the open releases of `project`, newest first.

    As new as a release is its release date; before it has one, its row.
    """
    return Release.objects.filter(projects=project, status=ReleaseStatus.OPEN).order_by(
        Coalesce("released_at", "created_at").desc(), "-pk"
    )


def by_version(reach: AccessScope, version: str) -> Release:
    """Return the release of this version, as `list_releases`.

    Raises:
        ReleaseMissing: there is none within `reach`.
    """
    found = None
    if "\0" not in version:  # Postgres does not even take the question
        found = list_releases(reach).filter(version=version).first()
    if found is None:
        raise ReleaseMissing(version)
    return found


@transaction.atomic
def create_or_update(
    reach: AccessScope, version: str, said: ReleaseUpdate, *, by: str
) -> tuple[Release, bool]:
    """Make a release, or change the one that there is; return it, and if it is new.

    New is also a release that one of the projects did not have. A start that is known
    stays: who says the same release again does not start it again. A token of one
    project can let it join a release of others, and leaves the rest as it is.

    Raises:
        InvalidRequest: the version cannot be one, a project is not there, or a new
            release is to be of no project.
        NotAllowed: see `update`.
    """
    check_version(version)
    projects = _projects(reach, said.projects)
    if not projects and not list_releases(reach).filter(version=version).exists():
        raise InvalidRequest(
            f"There is no release {version!r} yet: "
            "to make it, name the projects that it is of."
        )
    release = _made(reach.organization, version, projects, by=by)
    added = _add_projects(release, projects)
    only_joins = projects and said.status is None and _is_shared(reach, release)
    if not only_joins:
        known = release.started_at is not None
        _set(reach, release, replace(said, started_at=None) if known else said)
    return by_version(reach, version), added


@transaction.atomic
def update(reach: AccessScope, version: str, said: ReleaseUpdate) -> Release:
    """Change a release and return it; what `said` leaves open stays.

    Raises:
        ReleaseMissing: there is none within `reach`.
        InvalidRequest: a project is not there.
        NotAllowed: it is of other projects, too, and the token is not for those.
    """
    projects = _projects(reach, said.projects)
    release = _held(reach, version)
    _set(reach, release, said)
    _add_projects(release, projects)
    return by_version(reach, version)


@transaction.atomic
def delete(reach: AccessScope, version: str, *, by: str) -> None:
    """Delete a release; the debug files that were of it stay.

    Raises:
        ReleaseMissing: there is none within `reach`.
        NotAllowed: see `update`.
    """
    release = _held(reach, version)
    _refuse_shared(reach, release)
    _note(release, Action.RELEASE_DELETED, list(release.projects.all()), by=by)
    release.delete()


def ensure_release(project: Project, version: str, *, by: str) -> Release:
    """Return the release of this version, made if it has to be, with `project` in it.

    To be called in a transaction, which holds it.

    Raises:
        InvalidRequest: the version cannot be one.
    """
    release = _made(project.organization, version, [project], by=by)
    _add_projects(release, [project])
    return release


def check_version(version: str) -> None:
    """Refuse what sentry-cli would not take as a version, or could not ask for.

    Raises:
        InvalidRequest: it cannot be one; the text says why.

    Source: spec/sentry-cli A9; sentry-cli itself takes no slashes, either, but other
    clients send them.
    """
    if not version.strip() or version in {".", ".."}:
        reason = "a version has something to tell by, and is not '.' or '..'"
    elif version.strip() != version:
        reason = "a version does not begin or end with a space"
    elif any(unicodedata.category(letter) in _UNPRINTABLE for letter in version):
        reason = "a version is one line, without control characters"
    elif len(version) > LONGEST_VERSION:
        reason = f"a version has at most {LONGEST_VERSION} characters"
    else:
        return
    raise InvalidRequest(f"Invalid release version: {reason}.")


def _made(
    organization: Organization, version: str, projects: Sequence[Project], *, by: str
) -> Release:
    """Return the release, held until the transaction ends; note it if it is new."""
    check_version(version)
    held = Release.objects.select_for_update()
    release, is_new = held.get_or_create(organization=organization, version=version)
    if is_new:
        _note(release, Action.RELEASE_CREATED, projects, by=by)
    return release


def _held(reach: AccessScope, version: str) -> Release:
    """Return the release that `by_version` finds, held until the transaction ends."""
    found = by_version(reach, version)
    held = Release.objects.select_for_update().filter(pk=found.pk).first()
    if held is None:
        raise ReleaseMissing(version)
    return held


def _add_projects(release: Release, projects: Sequence[Project]) -> bool:
    """Let `projects` have the release; say whether any had not."""
    before = release.projects.count()
    release.projects.add(*projects)
    return release.projects.count() > before


def _set(reach: AccessScope, release: Release, said: ReleaseUpdate) -> None:
    _refuse_shared(reach, release)
    if said.url is not None and (len(said.url) > _LONGEST_URL or "\0" in said.url):
        raise InvalidRequest(f"url: at most {_LONGEST_URL} characters, and no NUL")
    values = {
        "url": said.url,
        "status": said.status,
        "started_at": said.started_at,
        "released_at": said.released_at,
    }
    given = {name: value for name, value in values.items() if value is not None}
    if given:
        Release.objects.filter(pk=release.pk).update(**given)


def _is_shared(reach: AccessScope, release: Release) -> bool:
    """Whether others have the release of whom the token must not know."""
    if not reach.is_confined or reach.project is None:
        return False
    return release.projects.exclude(pk=reach.project.pk).exists()


def _refuse_shared(reach: AccessScope, release: Release) -> None:
    if _is_shared(reach, release):
        raise NotAllowed(
            f"Release {release.version!r} is of other projects, too, "
            "which this token may not touch."
        )


def _projects(reach: AccessScope, named: Sequence[str]) -> list[Project]:
    """Return the projects of these slugs or numbers.

    Raises:
        InvalidRequest: one is not there, or the token is not for it.
    """
    if len(named) > _MOST_PROJECTS:
        raise InvalidRequest(f"projects: at most {_MOST_PROJECTS} are taken")
    askable = [name for name in named if "\0" not in name]
    numbers = [int(name) for name in askable if is_row_id(name)]
    found = list(reach.projects().filter(Q(slug__in=askable) | Q(pk__in=numbers)))
    known = {name for project in found for name in (project.slug, str(project.pk))}
    for name in named:
        if name not in known:
            raise InvalidRequest(
                f"There is no project {name!r} in organization "
                f"{reach.organization.slug!r} that this token may see."
            )
    return found


def _note(
    release: Release, action: Action, projects: Sequence[Project], *, by: str
) -> None:
    where = projects[0] if len(projects) == 1 else release.organization
    slugs = sorted(project.slug for project in projects)
    audit.record(where, action, by=by, subject=release.version, projects=slugs)
