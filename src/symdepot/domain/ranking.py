"""Which of several files for one id to keep beside each other, and which to use."""

from collections.abc import Collection, Sequence

from symdepot.domain.objects import ObjectFile

_COMPANIONS = frozenset({"dbg"})


def redundant(newest_first: Sequence[ObjectFile]) -> list[int]:
    """Return the places of those that newer ones make superfluous.

    All are of one debug id, one format and one architecture; across those nothing is
    ever redundant, since a file of lower fidelity (Breakpad) must not displace one of
    higher (DWARF, PDB). The newest stays. An older one goes when the features of the
    newer ones that stay cover all of its own; a debug companion holds no program, so
    its features never count against a program's. Of a format that tells no features
    the newest is enough.

    Source: spec/sentry-server 2.10 and 10 (item 8).
    """
    stay: list[ObjectFile] = []
    superfluous = []
    for place, candidate in enumerate(newest_first):
        if _is_covered(candidate, stay):
            superfluous.append(place)
        else:
            stay.append(candidate)
    return superfluous


def fittest(
    newest_first: Sequence[ObjectFile], features: Collection[str]
) -> int | None:
    """Return the place of the newest that has all of `features`, or None.

    All are of one debug id. One of a format that tells no features has none of them;
    only if all are such, the newest is taken whatever is asked for.

    Source: spec/sentry-server 2.10, last paragraph but one.
    """
    is_told = any(o.format.tells_features for o in newest_first)
    for place, candidate in enumerate(newest_first):
        if candidate.features.issuperset(features) or not is_told:
            return place
    return None


def _is_covered(candidate: ObjectFile, stay: Sequence[ObjectFile]) -> bool:
    rivals = [
        newer
        for newer in stay
        if candidate.kind in _COMPANIONS or newer.kind not in _COMPANIONS
    ]
    offered = frozenset[str]().union(*(newer.features for newer in rivals))
    return bool(rivals) and candidate.features <= offered
