"""Makes the symcache of a file again and again, and prints how long each time took.

Run as `python -m bench.symcache_process alone|here TIMES FILE`, with the server's
settings on an empty database. `alone` is symbolic in this very process, as somebody
would use it in a script; `here` is the server's own step, from chunks in the store to
a symcache in the store. Here, too, the conversion does not step back for others, or
they would be measured. Says `ready`, waits for a line, and prints a JSON list of
seconds.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402 -- only after `setup`, as all below

from symdepot.blobs.configured import blob_store  # noqa: E402
from symdepot.domain.formats import inspection  # noqa: E402
from symdepot.domain.ids import Checksum  # noqa: E402
from symdepot.domain.objects import ObjectFile  # noqa: E402
from symdepot.domain.symcache import converter  # noqa: E402
from symdepot.domain.symcache.conversion import ObjectSelector, SymCacheWritten  # noqa: E402
from symdepot.pipeline import steps  # noqa: E402
from symdepot.projects.models import Organization  # noqa: E402
from symdepot.sandbox import operations  # noqa: E402
from symdepot.sandbox.operations import Sandbox  # noqa: E402
from symdepot.server.setup import migrate  # noqa: E402
from symdepot.symcaches import lifecycle  # noqa: E402
from symdepot.symcaches.models import Outcome, SymCache  # noqa: E402
from symdepot.uploads import (  # noqa: E402
    chunks,
    file_splitter,
)


def main() -> None:
    """Prepare, wait to be told, measure, and print."""
    mode, times, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    (found,) = inspection.inspect(path, name=path.name)
    make = _alone(path, found) if mode == "alone" else _here(path, found)
    make()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps([make() for _ in range(times)]) + "\n")


def _alone(path: Path, found: ObjectFile) -> Callable[[], float]:
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    into = settings.SCRATCH_DIR / "symcache"
    wanted = ObjectSelector(found.debug_id, found.arch)

    def make() -> float:
        into.write_bytes(b"")
        started_at = time.perf_counter()
        outcome = converter.convert(path, wanted, into)
        seconds = time.perf_counter() - started_at
        if not isinstance(outcome, SymCacheWritten):
            raise TypeError(outcome.reason)
        return seconds

    return make


def _here(path: Path, found: ObjectFile) -> Callable[[], float]:
    operations.convert = Sandbox().convert
    migrate()
    organization = Organization.objects.create(slug="bench")
    store = blob_store()
    cut = file_splitter.split(path, store, chunk_bytes=settings.CHUNK_SIZE)
    chunks.record_chunks(organization, cut.sizes, store)
    file = chunks.record_file(cut.checksum, cut.chunks, path.stat().st_size)
    with chunks.not_while_freeing():
        lifecycle.request([(file, found)])

    def make() -> float:
        held = lifecycle.claim_next()
        if held is None:
            raise LookupError("nothing to make")
        started_at = time.perf_counter()
        outcome = steps.create_symcache(held)
        seconds = time.perf_counter() - started_at
        if outcome is not Outcome.MADE:
            raise TypeError(outcome)
        made = SymCache.objects.get()
        store.delete(Checksum(made.checksum))
        lifecycle.recreate(made)
        return seconds

    return make


if __name__ == "__main__":
    main()
