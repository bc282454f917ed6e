"""Creates, finds, changes and deletes releases."""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce

from symdepot.domain.errors import InvalidRequest, NotAllowed, ReleaseMissing
from symdepot.projects import audit
from symdepot.projects.access import AccessScope
from symdepot.projects.audit import Action
from symdepot.projects.models import Organization, Project, Release, ReleaseStatus
from symdepot.projects.organizations import is_row_id

MAX_VERSION_LENGTH = 250
_MAX_URL_LENGTH = 2000
_MAX_PROJECTS = 500
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class ReleaseUpdate:
    """New values of a release; None changes nothing. `projects` are slugs or row ids."""

    projects: Sequence[str] = ()
    url: str | None = None
    status: ReleaseStatus | None = None
    started_at: datetime | None = None
    released_at: datetime | None = None


def list_releases(scope: AccessScope) -> QuerySet[Release]:
    """Return the releases, latest first, unsliced.

    Each with those of its `projects` that the token may see.
    """
    rows = Release.objects.filter(organization=scope.organization)
    if scope.project is not None:
        rows = rows.filter(projects=scope.project)
    seen = Prefetch("projects", queryset=scope.projects())
    return rows.prefetch_related(seen).order_by("-created_at", "-pk")


def open_releases(project: Project) -> QuerySet[Release]:
    """Return the open releases of `project`, newest first by release or creation date."""
    return Release.objects.filter(projects=project, status=ReleaseStatus.OPEN).order_by(
        Coalesce("released_at", "created_at").desc(), "-pk"
    )


def by_version(scope: AccessScope, version: str) -> Release:
    """Return the release of this version; see `list_releases`.

    Raises:
        ReleaseMissing: none in `scope`.
    """
    releases = list_releases(scope).filter(version=version)
    found = None if "\0" in version else releases.first()  # Postgres refuses NUL
    if found is None:
        raise ReleaseMissing(version)
    return found


@transaction.atomic
def create_or_update(
    scope: AccessScope, version: str, change: ReleaseUpdate, *, by: str
) -> tuple[Release, bool]:
    """Create a release, or change an existing one; return it, and whether it is new.

    It is also new if one of the projects is. `started_at` is set only once. A token of
    one project cannot add it to a release of other projects: it would see that release.
    If a token of the organization has added it, the token cannot change the release.

    Raises:
        InvalidRequest: invalid version, unknown project, or a new release without
            projects.
        NotAllowed: see `update`.
    """
    check_version(version)
    projects = _projects(scope, change.projects)
    if not projects and not list_releases(scope).filter(version=version).exists():
        raise InvalidRequest(
            f"There is no release {version!r} yet: "
            "to make it, name the projects that it is of."
        )
    release = _get_or_create(scope.organization, version, projects, by=by)
    _refuse_join(scope, release)
    added = _add_projects(release, projects)
    only_joins = projects and change.status is None and _is_shared(scope, release)
    if not only_joins:
        known = release.started_at is not None
        _set(scope, release, replace(change, started_at=None) if known else change)
    return by_version(scope, version), added


@transaction.atomic
def update(scope: AccessScope, version: str, change: ReleaseUpdate) -> Release:
    """Change a release and return it.

    Raises:
        ReleaseMissing: none in `scope`.
        InvalidRequest: unknown project.
        NotAllowed: it also belongs to projects that the token is not for.
    """
    projects = _projects(scope, change.projects)
    release = _lock(scope, version)
    _set(scope, release, change)
    _add_projects(release, projects)
    return by_version(scope, version)


@transaction.atomic
def delete(scope: AccessScope, version: str, *, by: str) -> None:
    """Delete a release, but not its debug files.

    Raises:
        ReleaseMissing: none in `scope`.
        NotAllowed: see `update`.
    """
    release = _lock(scope, version)
    _refuse_shared(scope, release)
    _audit(release, Action.RELEASE_DELETED, list(release.projects.all()), by=by)
    release.delete()


def ensure_release(
    project: Project, version: str, *, by: str, is_confined: bool
) -> Release:
    """Return the release of this version, created if needed, with `project` in it.

    Needs a transaction; the release is locked until its end. `is_confined`: the token is
    for `project` only.

    Raises:
        InvalidRequest: invalid version.
        NotAllowed: see `create_or_update`.
    """
    release = _get_or_create(project.organization, version, [project], by=by)
    _refuse_join(AccessScope(project.organization, project, is_confined), release)
    _add_projects(release, [project])
    return release


def check_version(version: str) -> None:
    """Refuse a version that sentry-cli refuses or cannot request.

    Raises:
        InvalidRequest: the text explains why.

    Source: spec/sentry-cli A9; sentry-cli itself takes no slashes, either, but other
    clients send them.
    """
    if not version.strip() or version in {".", ".."}:
        reason = "a version has something to tell by, and is not '.' or '..'"
    elif version.strip() != version:
        reason = "a version does not begin or end with a space"
    elif any(unicodedata.category(letter) in _UNPRINTABLE for letter in version):
        reason = "a version is one line, without control characters"
    elif len(version) > MAX_VERSION_LENGTH:
        reason = f"a version has at most {MAX_VERSION_LENGTH} characters"
    else:
        return
    raise InvalidRequest(f"Invalid release version: {reason}.")


def _get_or_create(
    organization: Organization, version: str, projects: Sequence[Project], *, by: str
) -> Release:
    """Return the release, locked until the transaction ends; audit a new one."""
    check_version(version)
    rows = Release.objects.select_for_update()
    release, is_new = rows.get_or_create(organization=organization, version=version)
    if is_new:
        _audit(release, Action.RELEASE_CREATED, projects, by=by)
    return release


def _lock(scope: AccessScope, version: str) -> Release:
    """Return the release that `by_version` finds, locked until the transaction ends."""
    found = by_version(scope, version)
    locked = Release.objects.select_for_update().filter(pk=found.pk).first()
    if locked is None:
        raise ReleaseMissing(version)
    return locked


def _add_projects(release: Release, projects: Sequence[Project]) -> bool:
    """Add projects to the release; return whether any was new."""
    before = release.projects.count()
    release.projects.add(*projects)
    return release.projects.count() > before


def _set(scope: AccessScope, release: Release, change: ReleaseUpdate) -> None:
    _refuse_shared(scope, release)
    url = change.url or ""
    if len(url) > _MAX_URL_LENGTH or "\0" in url:
        raise InvalidRequest(f"url: at most {_MAX_URL_LENGTH} characters, and no NUL")
    values = asdict(change) | {"projects": None}
    given = {name: value for name, value in values.items() if value is not None}
    if given:
        Release.objects.filter(pk=release.pk).update(**given)


def _is_shared(scope: AccessScope, release: Release) -> bool:
    """Whether the release has projects that the token must not see."""
    if not scope.is_confined or scope.project is None:
        return False
    return release.projects.exclude(pk=scope.project.pk).exists()


def _refuse_shared(scope: AccessScope, release: Release) -> None:
    if _is_shared(scope, release):
        raise NotAllowed(
            f"Release {release.version!r} is of other projects, too, "
            "which this token may not touch."
        )


def _refuse_join(scope: AccessScope, release: Release) -> None:
    """Refuse a token of one project whose project is not in a release of others."""
    is_member = scope.project and release.projects.filter(pk=scope.project.pk).exists()
    if not is_member and _is_shared(scope, release):
        raise NotAllowed(
            f"Version {release.version!r} is taken by other projects, which this token "
            "may not touch: name another version, or let a token of the organization "
            "add the project to the release."
        )


def _projects(scope: AccessScope, named: Sequence[str]) -> list[Project]:
    """Return the projects with these slugs or row ids.

    Raises:
        InvalidRequest: one is unknown, or the token is not for it.
    """
    if len(named) > _MAX_PROJECTS:
        raise InvalidRequest(f"projects: at most {_MAX_PROJECTS} are taken")
    valid = [name for name in named if "\0" not in name]
    row_ids = [int(name) for name in valid if is_row_id(name)]
    found = list(scope.projects().filter(Q(slug__in=valid) | Q(pk__in=row_ids)))
    known = {name for project in found for name in (project.slug, str(project.pk))}
    for name in named:
        if name not in known:
            raise InvalidRequest(
                f"There is no project {name!r} in organization "
                f"{scope.organization.slug!r} that this token may see."
            )
    return found


def _audit(
    release: Release, action: Action, projects: Sequence[Project], *, by: str
) -> None:
    owner = projects[0] if len(projects) == 1 else release.organization
    slugs = sorted(project.slug for project in projects)
    audit.record(owner, action, by=by, subject=release.version, projects=slugs)
