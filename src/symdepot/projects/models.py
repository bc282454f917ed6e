"""Who owns what: organizations, their projects, and the tokens that speak for them."""

from datetime import datetime

from django.db import models
from django.db.models import Q


class Organization(models.Model):
    """Who owns chunks: what one project has sent, its neighbours need not send."""

    slug = models.SlugField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


class Project(models.Model):
    """What debug files are uploaded for, and looked up in."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+"
    )
    slug = models.SlugField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "slug"], name="one_project_a_slug"
            )
        ]

    def __str__(self) -> str:
        return self.slug


class TokenQuerySet(models.QuerySet["Token"]):
    """Named questions about tokens."""

    def valid(self, now: datetime) -> "TokenQuerySet":
        """Those that are neither revoked nor expired at `now`."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


class Token(models.Model):
    """Lets its bearer act in an organization, or in one project of it.

    Of the token itself only a hash is kept; `hint` is its last characters, so that
    people can tell tokens apart.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+"
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", null=True
    )
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
        return f"{self.label or 'token'} …{self.hint}"
