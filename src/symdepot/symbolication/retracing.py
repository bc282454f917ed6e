"""Asks mappings that are kept for real names."""

from pathlib import Path

from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.jvm import mapping_query
from symdepot.domain.jvm.mapping_query import Answers, Questions
from symdepot.domain.jvm.retrace import Retraced
from symdepot.sandbox import operations
from symdepot.uploads import chunk_joiner
from symdepot.uploads.scratch import lent


def answers(mapping: DebugFile, asked: Questions) -> Answers:
    """Ask one mapping.

    Raises:
        NotADebugFile, ParserDied: it cannot be read, now or ever.
        BlobMissing, BlobDamaged, ChecksumMismatch: its bytes are not what they were.
        Unavailable: something of ours failed; the same may work in a moment.
    """
    content, scratch = project_files.content(mapping), Path(settings.SCRATCH_DIR)
    chunks = [chunk for chunk, _ in content.chunks]
    with (
        chunk_joiner.at_hand(content.checksum, chunks, blob_store(), scratch) as path,
        lent(scratch, prefix="questions-") as paper,
    ):
        return operations.ask(path, asked, paper)


def text(trace: str, mapping: DebugFile) -> Retraced:
    """Return a text with the frames and exceptions in it under their real names.

    Raises:
        As `answers`.
    """
    asked = mapping_query.questions(trace)
    return mapping_query.retraced(trace, answers(mapping, asked))
