"""The catalogue: which file answers to which id, in which project."""

from django.db import models

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.symbol_paths import file_names
from symdepot.projects.models import Project, Release
from symdepot.uploads.models import File


class DebugFileQuerySet(models.QuerySet["DebugFile"]):
    """Named questions about debug files."""

    def current(self) -> "DebugFileQuerySet":
        """Those that answer for an id or a name: no newer one makes them redundant."""
        return self.filter(superseded_at=None)

    def within(self, project: Project) -> "DebugFileQuerySet":
        """All that `project` keeps, superseded ones too, with their files."""
        return self.filter(project=project).select_related("file")

    def of_release(self, version: str) -> "DebugFileQuerySet":
        """Those that are of the release of this version."""
        if "\0" in version:  # Postgres does not even take the question
            return self.none()
        own = Association.objects.filter(debug_file=models.OuterRef("pk"))
        return self.filter(models.Exists(own.filter(release__version=version)))


class DebugFile(models.Model):
    """One object inside one file, as one project knows it.

    `bare_name` is what its name has in common with those of its companions.
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
    bare_name = models.CharField(max_length=file_names.MAX_LENGTH, blank=True)
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
            # With the row: the newest of thousands of one name are a glance away.
            models.Index(fields=["project", "bare_name", "id"], name="by_bare_name"),
            # The id first: most questions go to many projects, and find it in none.
            models.Index(fields=["code_id", "project"], name="by_code_id_first"),
        ]

    def __str__(self) -> str:
        return f"{self.debug_id} ({self.object_name}; {self.arch})"

    def object_file(self) -> ObjectFile:
        """Return what is known of the object, as a value of the domain."""
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
    """A debug file that belongs to a release."""

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
    """An id that was asked for in a project and not found; gone when its file arrives."""

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
