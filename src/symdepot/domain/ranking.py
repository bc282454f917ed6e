"""Which of several files for one id are worth keeping beside each other."""

from collections.abc import Sequence

from symdepot.domain.objects import ObjectFile

_COMPANIONS = frozenset({"dbg"})


def redundant(newest_first: Sequence[ObjectFile]) -> list[int]:
    """Return the places of those that newer ones make superfluous.

    All are of one debug id, one format and one architecture; across those nothing is
    ever redundant, since a file of lower fidelity (Breakpad) must not displace one of
    higher (DWARF, PDB). The newest stays. An older one goes when the features of the
    newer ones that stay cover all of its own; a debug companion holds no program, so
    its features never count against a program's.

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


def _is_covered(candidate: ObjectFile, stay: Sequence[ObjectFile]) -> bool:
    rivals = [
        newer
        for newer in stay
        if candidate.kind in _COMPANIONS or newer.kind not in _COMPANIONS
    ]
    offered = frozenset[str]().union(*(newer.features for newer in rivals))
    return bool(rivals) and candidate.features <= offered
