"""Organizations, projects, tokens, releases, webhooks and the audit log."""

from datetime import datetime

from django.db import models
from django.db.models import Q, UniqueConstraint


class Organization(models.Model):
    """The owner of projects and of chunks, which its projects share.

    `quota_bytes` limits what it may store; None is no limit. If `takes_chunks` is
    false, clients that can (sentry-cli before 3.0) upload zip files.
    """

    slug = models.SlugField(unique=True)
    quota_bytes = models.PositiveBigIntegerField(null=True)
    takes_chunks = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


class Project(models.Model):
    """What debug files are uploaded for.

    `revision` grows when debug files arrive. `keep_…` are the retention rules, see
    `organizations.RetentionRules`. Everyone may read the files of a public project.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    slug = models.SlugField()
    revision = models.PositiveBigIntegerField(default=0)
    keep_unused_days = models.PositiveIntegerField(null=True)
    keep_days = models.PositiveIntegerField(null=True)
    keep_releases = models.PositiveIntegerField(null=True)
    is_public = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["organization", "slug"], name="one_project_a_slug")
        ]

    def __str__(self) -> str:
        return self.slug


class TokenQuerySet(models.QuerySet["Token"]):
    """Queries for tokens."""

    def valid(self, now: datetime) -> "TokenQuerySet":
        """Those that are neither revoked nor expired at `now`."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


class Token(models.Model):
    """Access to an organization, or to one project of it.

    Only a hash of the token is stored; `hint` is its last characters, so that people
    can recognize it.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+", null=True)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)
    label = models.CharField(max_length=200)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = TokenQuerySet.as_manager()

    def __str__(self) -> str:
        return display_token(self.label, self.hint)


def display_token(label: str, hint: str) -> str:
    """Return the name of a token, which does not reveal it."""
    return f"{label or 'token'} …{hint}"


class ReleaseStatus(models.TextChoices):
    """The status of a release, by sentry-cli's names."""

    OPEN = "open", "open"
    ARCHIVED = "archived", "archived"


class Release(models.Model):
    """A released version of one or several projects of an organization."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    projects = models.ManyToManyField(Project, related_name="+")
    version = models.CharField(max_length=250)
    url = models.TextField(blank=True)
    status = models.CharField(
        max_length=16, choices=ReleaseStatus.choices, default=ReleaseStatus.OPEN
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["organization", "version"], name="one_release_a_version"
            )
        ]

    def __str__(self) -> str:
        return self.version


class Webhook(models.Model):
    """A URL to which new revisions of a project are posted.

    `secret` signs the posts. `told_revision` is the newest revision that was delivered;
    `next_attempt_at` is None if there is nothing to deliver.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    url = models.TextField()
    secret = models.CharField(max_length=100)
    told_revision = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, db_index=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.url


class AuditEntry(models.Model):
    """An entry of the audit log; it outlives its actor and subject."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=250)
    action = models.CharField(max_length=50)
    project_slug = models.CharField(max_length=50, blank=True)
    subject = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["organization", "at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.subject}"
