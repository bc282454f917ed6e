"""Bytes that an organization stores, and its quota.

Checked twice for an upload: before chunks are sent (`refusals`, `refusal_if_full`), and
when they are recorded (`check`).
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Sum

from symdepot.domain.errors import QuotaExceeded
from symdepot.domain.ids import Checksum
from symdepot.projects.models import Organization, Project
from symdepot.uploads import chunks
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import ChunkOwner


def used_bytes(organization: Organization) -> int:
    """Return the size of the chunks that `organization` owns, each counted once.

    A chunk that several organizations own counts for each of them.
    """
    return used_by_organization([organization]).get(organization.pk, 0)


def used_by_organization(organizations: Iterable[Organization]) -> dict[int, int]:
    """Return the bytes used by each of `organizations`, by row id."""
    rows = ChunkOwner.objects.filter(organization__in=list(organizations))
    sums = rows.values("organization").annotate(total=Sum("size_bytes"))
    return dict(sums.values_list("organization", "total"))


def refusal_if_full(organization: Organization) -> QuotaExceeded | None:
    """Return the error for any new chunk, if there is no room for one byte."""
    if organization.quota_bytes is None:
        return None
    used = used_bytes(organization)
    is_full = used >= organization.quota_bytes
    return _exceeded(organization, used, 1) if is_full else None


def check(
    organization: Organization,
    sizes: Mapping[Checksum, int],
    *,
    confined_to: Project | None = None,
) -> None:
    """Check that chunks of these sizes, in bytes, fit. Without a quota: no query.

    `confined_to`: the only project of the token. What other projects own counts as new,
    so that the error does not reveal it.

    Clients that send at the same time may together exceed the quota.

    Raises:
        QuotaExceeded: they do not fit.
    """
    if organization.quota_bytes is None:
        return
    owned = chunks.owned_sizes(organization, sizes, confined_to=confined_to)
    new_bytes = sum(size for chunk, size in sizes.items() if chunk not in owned)
    used = used_bytes(organization) if new_bytes else 0
    if used + new_bytes > organization.quota_bytes:
        raise _exceeded(organization, used, new_bytes)


def refusals(
    project: Project, requests: Sequence[UploadRequest], *, chunk_bytes: int
) -> dict[Checksum, QuotaExceeded]:
    """Return the errors for those of `requests` that cannot fit, before they are sent.

    Only the number of missing chunks is known: the last has one byte or more, each
    other has `chunk_bytes`. The first requests get the room. All are of one token.
    """
    organization = project.organization
    if organization.quota_bytes is None:
        return {}
    listed = {c for request in requests for c in request.chunks}
    confined_to = project if any(r.is_confined for r in requests) else None
    known = set(chunks.owned_sizes(organization, listed, confined_to=confined_to))
    used = used_bytes(organization)
    promised, refused = 0, {}
    for request in requests:
        missing = chunks.missing(request.chunks, known)
        min_bytes = (len(missing) - 1) * chunk_bytes + 1 if missing else 0
        needed = promised + min_bytes
        if missing and used + needed > organization.quota_bytes:
            refused[request.checksum] = _exceeded(organization, used, needed)
        else:
            promised = needed
            known.update(missing)
    return refused


def _exceeded(organization: Organization, used: int, needed: int) -> QuotaExceeded:
    return QuotaExceeded(
        organization.slug,
        used_bytes=used,
        quota_bytes=organization.quota_bytes or 0,
        needed_bytes=needed,
    )
