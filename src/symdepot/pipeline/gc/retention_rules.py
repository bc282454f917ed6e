"""Which debug files expire by the rules of their projects, and all reasons to delete."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Q

from symdepot.debugfiles import associations
from symdepot.debugfiles.models import DebugFile, DebugFileQuerySet
from symdepot.projects.models import Project


class Reason(StrEnum):
    """Why something is deleted. The values are keys of reports and of the audit log."""

    UNUSED = "unused"
    OLD = "old"
    OLD_RELEASE = "old-release"
    SUPERSEDED = "superseded"
    UNREFERENCED = "unreferenced-file"
    UNFINISHED = "unfinished-upload"
    FAILED = "failed-upload"
    NEVER_ASSEMBLED = "never-assembled"
    OUTDATED = "outdated-symcache"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The debug files of `project` that expire for `reason`; `files` is not sliced."""

    project: Project
    reason: Reason
    files: DebugFileQuerySet


def active_rules(now: datetime) -> Iterator[RetentionRule]:
    """Yield every rule of every project; a debug file may match several."""
    has_rule = ~Q(keep_unused_days=None) | ~Q(keep_days=None) | ~Q(keep_releases=None)
    projects = Project.objects.select_related("organization").order_by("pk")
    for project in projects.filter(has_rule):
        yield from _project_rules(project, now)
    before = now - timedelta(days=settings.KEEP_SUPERSEDED_DAYS)
    superseded = DebugFile.objects.filter(superseded_at__lt=before)
    for project in projects.filter(pk__in=superseded.values("project")):
        files = DebugFile.objects.within(project).filter(superseded_at__lt=before)
        yield RetentionRule(project, Reason.SUPERSEDED, files)


def _project_rules(project: Project, now: datetime) -> Iterator[RetentionRule]:
    files = DebugFile.objects.within(project)
    if project.keep_unused_days is not None:
        before = now - timedelta(days=project.keep_unused_days)
        # A file that was never used counts as used when it was uploaded.
        unused = files.filter(created_at__lt=before).filter(
            Q(last_used_at=None) | Q(last_used_at__lt=before)
        )
        yield RetentionRule(project, Reason.UNUSED, unused)
    if project.keep_days is not None:
        before = now - timedelta(days=project.keep_days)
        yield RetentionRule(project, Reason.OLD, files.filter(created_at__lt=before))
    if project.keep_releases is not None:
        older = associations.only_of_older_releases(project, project.keep_releases)
        yield RetentionRule(project, Reason.OLD_RELEASE, older)
