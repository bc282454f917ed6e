"""The catalogue of debug files, and the missing ids."""

from django.db import models

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.symbol_paths import name_normalization
from symdepot.projects.models import Project, Release
from symdepot.uploads.models import File


class DebugFileQuerySet(models.QuerySet["DebugFile"]):
    """Queries for debug files."""

    def current(self) -> "DebugFileQuerySet":
        """Those that are not superseded."""
        return self.filter(superseded_at=None)

    def within(self, project: Project) -> "DebugFileQuerySet":
        """Those of `project`, superseded ones too, with their files."""
        return self.filter(project=project).select_related("file")

    def of_release(self, version: str) -> "DebugFileQuerySet":
        """Those of the release with this version."""
        if "\0" in version:  # Postgres refuses the query
            return self.none()
        own = Association.objects.filter(debug_file=models.OuterRef("pk"))
        return self.filter(models.Exists(own.filter(release__version=version)))


class DebugFile(models.Model):
    """One object in one file of a project.

    `bare_name` is the part of its name that its debug companions share.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="+")
    debug_id = models.CharField(max_length=64)
    code_id = models.CharField(max_length=128, blank=True)
    arch = models.CharField(max_length=32)
    file_format = models.CharField(max_length=32)
    kind = models.CharField(max_length=16, blank=True)
    features = models.JSONField(default=list)
    object_name = models.TextField()
    bare_name = models.CharField(max_length=name_normalization.MAX_LENGTH, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    superseded_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = DebugFileQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "file", "debug_id", "arch"],
                name="one_object_per_file",
            )
        ]
        indexes = [
            models.Index(fields=["project", "debug_id"], name="by_debug_id"),
            # With the row id, to look up the newest of thousands with one name.
            models.Index(fields=["project", "bare_name", "id"], name="by_bare_name"),
            # The id first: most lookups are for many projects, and find none.
            models.Index(fields=["code_id", "project"], name="by_code_id_first"),
        ]

    def __str__(self) -> str:
        return f"{self.debug_id} ({self.object_name}; {self.arch})"

    def object_file(self) -> ObjectFile:
        """Return the object."""
        return ObjectFile(
            format=Format(self.file_format),
            kind=self.kind or None,
            arch=self.arch,
            debug_id=DebugId.parse(self.debug_id),
            code_id=CodeId(self.code_id) if self.code_id else None,
            features=frozenset(self.features),
            name=self.object_name,
        )


class Association(models.Model):
    """A debug file in a release."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+")
    debug_file = models.ForeignKey(
        DebugFile, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["release", "debug_file"], name="associated_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.debug_file_id} of {self.release_id}"


class WantedId(models.Model):
    """A missing id of a project; deleted when its file arrives."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    debug_id = models.CharField(max_length=64, blank=True)
    code_id = models.CharField(max_length=128, blank=True)
    name = models.TextField(blank=True)
    asked_by = models.CharField(max_length=250, blank=True)
    count = models.PositiveBigIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "debug_id", "code_id"], name="wanted_once"
            )
        ]
        indexes = [models.Index(fields=["project", "last_at"], name="wanted_by_time")]

    def __str__(self) -> str:
        return self.debug_id or self.code_id
