"""Finds mappings and source bundles by the ids that programs for the JVM carry."""

from symdepot.debugfiles import finder, missing_ids, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.file_query import Asked, Role
from symdepot.symbolication.request import Scope


def mapping(scope: Scope, debug_id: DebugId) -> DebugFile | None:
    """Return the mapping of this id, and note that it is used, or else wanted."""
    return _found(scope, Role.MAPPING, Format.PROGUARD, debug_id)


def bundle(scope: Scope, debug_id: DebugId) -> DebugFile | None:
    """Return the source bundle of this id, likewise."""
    return _found(scope, Role.SOURCES, Format.SOURCE_BUNDLE, debug_id)


def _found(
    scope: Scope, role: Role, kind: Format, debug_id: DebugId
) -> DebugFile | None:
    asked = Asked(role, frozenset({kind}), debug_ids=(debug_id,))
    row = finder.fittest(scope.projects, asked)
    if row is not None:
        usage.renew(row.project, [row])
    elif scope.project is not None:
        missing_ids.note(scope.project, debug_id=debug_id, code_id=None, by=scope.by)
    return row
