"""How much an organization keeps, and whether there is room for more."""

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Sum

from symdepot.domain.errors import QuotaExceeded
from symdepot.domain.ids import Checksum
from symdepot.projects.models import Organization
from symdepot.uploads import chunks
from symdepot.uploads.assembly import UploadRequest
from symdepot.uploads.models import ChunkOwner


def used_bytes(organization: Organization) -> int:
    """Return the size of the chunks that `organization` has sent, each counted once.

    What it shares with others counts for each of them.
    """
    return used_by_organization([organization]).get(organization.pk, 0)


def used_by_organization(organizations: Iterable[Organization]) -> dict[int, int]:
    """Return what each of `organizations` uses in bytes, by its row."""
    rows = ChunkOwner.objects.filter(organization__in=list(organizations))
    sums = rows.values("organization").annotate(total=Sum("size_bytes"))
    return dict(sums.values_list("organization", "total"))


def refusal_if_full(organization: Organization) -> QuotaExceeded | None:
    """Return the refusal of any chunk that is new, if not even a byte has room."""
    if organization.quota_bytes is None:
        return None
    used = used_bytes(organization)
    is_full = used >= organization.quota_bytes
    return _exceeded(organization, used, 1) if is_full else None


def check(organization: Organization, sizes: Mapping[Checksum, int]) -> None:
    """See that chunks of these sizes, in bytes, fit.

    Whoever sends at the same time may go over the quota together, by what they carry.
    Where no quota is set, this asks nobody anything.

    Raises:
        QuotaExceeded: they do not fit.
    """
    if organization.quota_bytes is None:
        return
    new_bytes = _new_bytes(organization, sizes)
    used = used_bytes(organization) if new_bytes else 0
    if used + new_bytes > organization.quota_bytes:
        raise _exceeded(organization, used, new_bytes)


def refusals(
    organization: Organization, offers: Sequence[UploadRequest], *, chunk_bytes: int
) -> dict[Checksum, QuotaExceeded]:
    """Return those of `offers` that cannot fit, judged before their bytes are sent.

    Of what is missing only the number is known: at least one byte in the last chunk,
    and `chunk_bytes` in each other. Of several files the first ones get the room.
    """
    if organization.quota_bytes is None:
        return {}
    known = set(chunks.owned_sizes(organization, {c for o in offers for c in o.chunks}))
    used = used_bytes(organization)
    promised, refused = 0, {}
    for offer in offers:
        missing = chunks.missing(offer.chunks, known)
        least = _least_bytes(missing, chunk_bytes)
        if missing and used + promised + least > organization.quota_bytes:
            refused[offer.checksum] = _exceeded(organization, used, promised + least)
        else:
            promised += least
            known.update(missing)
    return refused


def _new_bytes(organization: Organization, sizes: Mapping[Checksum, int]) -> int:
    owned = chunks.owned_sizes(organization, sizes)
    return sum(sizes[c] for c in chunks.missing(list(sizes), owned))


def _least_bytes(missing: Sequence[Checksum], chunk_bytes: int) -> int:
    return (len(missing) - 1) * chunk_bytes + 1 if missing else 0


def _exceeded(organization: Organization, used: int, needed: int) -> QuotaExceeded:
    return QuotaExceeded(
        organization.slug,
        used_bytes=used,
        quota_bytes=organization.quota_bytes or 0,
        needed_bytes=needed,
    )
