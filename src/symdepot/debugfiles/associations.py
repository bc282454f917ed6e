"""Associates debug files with releases."""

from collections.abc import Iterable, Sequence
from itertools import batched

from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from symdepot.debugfiles.models import Association, DebugFile, DebugFileQuerySet
from symdepot.domain.errors import AlreadyAssociated, InvalidRequest
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import Format
from symdepot.projects import releases
from symdepot.projects.access import AccessScope, Caller
from symdepot.projects.models import Project, Release

_ROWS_PER_QUERY = 500


@transaction.atomic
def associate_files(
    caller: Caller, project: Project, version: str, checksums: Iterable[Checksum]
) -> list[DebugFile]:
    """Associate the debug files with these contents with a release of `project`.

    Returns the newly associated ones. Creates the release, unless the project has no
    such file.

    Raises:
        InvalidRequest: invalid version.
        NotAllowed: see `releases.ensure_release`.

    Source: spec/sentry-server 3, row "associate"; the seed's `VersionDSymFile`.
    """
    releases.check_version(version)
    rows = DebugFile.objects.within(project)
    found = [
        row.pk
        for some in batched(sorted({c.hex for c in checksums}), _ROWS_PER_QUERY)
        for row in rows.filter(file__checksum__in=some)
    ]
    return _associate(caller, project, version, found) if found else []


@transaction.atomic
def associate_mapping(
    caller: Caller, project: Project, version: str, mapping: DebugId
) -> None:
    """Associate the ProGuard mapping of this id with a release of `project`.

    Raises:
        InvalidRequest: no such mapping, or invalid version.
        NotAllowed: see `releases.ensure_release`.
        AlreadyAssociated: it belongs to that release.

    Source: spec/sentry-server 3, row "proguard-artifact-releases".
    """
    found = list(_mappings(project, mapping).current().values_list("pk", flat=True))
    if not found:
        raise InvalidRequest("No matching proguard mapping file with this uuid found")
    if not _associate(caller, project, version, found):
        raise AlreadyAssociated


def versions_of_mapping(project: Project, mapping: DebugId) -> list[str]:
    """Return the versions of the releases of a ProGuard mapping, oldest first."""
    rows = Association.objects.filter(debug_file__in=_mappings(project, mapping))
    found = rows.order_by("release__created_at", "release__pk")
    return list(dict.fromkeys(found.values_list("release__version", flat=True)))


def files_per_release(scope: AccessScope, found: Sequence[Release]) -> dict[int, int]:
    """Return the number of current debug files of each release, by its row id.

    Those of projects that the token may not see are not counted.
    """
    rows = Association.objects.filter(
        release__in=found,
        debug_file__project__in=scope.projects(),
        debug_file__superseded_at=None,
    )
    per_release = rows.values_list("release").annotate(Count("pk"))
    return dict(per_release)


def only_of_older_releases(project: Project, keep: int) -> DebugFileQuerySet:
    """Return the debug files, superseded ones too, that only older releases have.

    Each is in a release, and in none of the newest `keep` open ones.
    """
    newest = releases.open_releases(project)[:keep]
    own = Association.objects.filter(debug_file=OuterRef("pk"))
    return DebugFile.objects.within(project).filter(
        Exists(own), ~Exists(own.filter(release__in=newest.values("pk")))
    )


def _associate(
    caller: Caller, project: Project, version: str, found: Sequence[int]
) -> list[DebugFile]:
    """Associate these rows, and return the newly associated ones.

    Locks the project and the release, so that neither the files nor the release are
    deleted meanwhile.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    release = releases.ensure_release(
        project, version, by=str(caller), is_confined=caller.is_confined
    )
    own = Association.objects.filter(release=release, debug_file=OuterRef("pk"))
    new: list[DebugFile] = []
    for some in batched(sorted(found), _ROWS_PER_QUERY):
        rows = DebugFile.objects.within(project).filter(pk__in=some)
        new += rows.exclude(Exists(own)).order_by("pk")
    Association.objects.bulk_create(
        Association(release=release, debug_file=row) for row in new
    )
    return new


def _mappings(project: Project, mapping: DebugId) -> DebugFileQuerySet:
    return DebugFile.objects.within(project).filter(
        debug_id=str(mapping), file_format=Format.PROGUARD.value
    )
