"""Which projects somebody may read who names none of them, as debuggers do."""

from django.db import transaction
from django.db.models import QuerySet

from symdepot.projects import audit
from symdepot.projects.access import Bearer, Deed
from symdepot.projects.audit import Action
from symdepot.projects.models import Project


def readable(bearer: Bearer | None) -> QuerySet[Project]:
    """Return the projects whose debug files may be read: public ones without a token.

    A token shows those of its own organization, or the one it is for, and no public
    ones of others: or anybody with a public project could slip in a file under an id
    that he has seen.

    Raises:
        NotAllowed: the token may not download.
    """
    if bearer is None:
        return Project.objects.filter(is_public=True)
    token = bearer.token
    owner = bearer.organization(token.organization.slug, Deed.DOWNLOAD)
    own = Project.objects.filter(organization=owner)
    return own.filter(pk=token.project_id) if token.project_id else own


def sole(bearer: Bearer) -> Project | None:
    """Return the one project that the token is for, or that there is; else None."""
    if bearer.token.project is not None:
        return bearer.token.project
    own = Project.objects.filter(organization=bearer.token.organization)[:2]
    return own[0] if len(own) == 1 else None


@transaction.atomic
def publish(project: Project, *, is_public: bool, by: str) -> None:
    """Let anybody read the debug files of `project`, or its own tokens only."""
    others = Project.objects.filter(pk=project.pk).exclude(is_public=is_public)
    if others.update(is_public=is_public):
        audit.note(
            project,
            Action.PROJECT_CHANGED,
            by=by,
            subject=project.slug,
            is_public=is_public,
        )
