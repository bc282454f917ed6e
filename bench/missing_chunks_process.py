"""Asks about chunks as an assemble request does, and prints how long each time took.

Run as `python -m bench.missing_chunks_process ROWS`, with the server's settings, on an empty
database. What it prints is a JSON list of milliseconds.
"""

import json
import random
import secrets
import sys
import time
from itertools import batched

import django

django.setup()

from django.db import connection  # noqa: E402 -- only after `setup`, as all below

from symdepot.domain.ids import Checksum  # noqa: E402
from symdepot.projects.models import Organization  # noqa: E402
from symdepot.server.setup import migrate  # noqa: E402
from symdepot.uploads import chunks  # noqa: E402

_ASKED = 4096
_TIMES = 25
_WARM_UPS = 3
_ROWS_A_STATEMENT = 50_000
_INSERT = {
    "sqlite": """
        INSERT INTO uploads_chunk (checksum, size_bytes, received_at)
        SELECT value, 1048576, CURRENT_TIMESTAMP FROM json_each(%s)
        """,
    "postgresql": """
        INSERT INTO uploads_chunk (checksum, size_bytes, received_at)
        SELECT value, 1048576, CURRENT_TIMESTAMP
        FROM json_array_elements_text(%s::json) AS wanted (value)
        """,
}
_OWN = """
    INSERT INTO uploads_chunkowner (organization_id, chunk_id, checksum, size_bytes)
    SELECT %s, id, checksum, size_bytes FROM uploads_chunk
    """


def main() -> None:
    """Fill the tables, ask, and print."""
    rows = int(sys.argv[1])
    migrate()
    organization = Organization.objects.create(slug="bench")
    _fill(organization, rows)
    times = [_asked_ms(organization, rows) for _ in range(_WARM_UPS + _TIMES)]
    sys.stdout.write(json.dumps(times[_WARM_UPS:]) + "\n")


def _fill(organization: Organization, rows: int) -> None:
    with connection.cursor() as cursor:
        for numbers in batched(range(rows), _ROWS_A_STATEMENT):
            checksums = [_kept(number).hex for number in numbers]
            cursor.execute(_INSERT[connection.vendor], [json.dumps(checksums)])
        cursor.execute(_OWN, [organization.pk])
        # Postgres does both by itself, some time after so many rows; SQLite never.
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


def _asked_ms(organization: Organization, rows: int) -> float:
    """Ask about chunks of which half are there, or all rows; others each time."""
    there = random.sample(range(rows), min(rows, _ASKED // 2))
    wanted = [_kept(number) for number in there]
    wanted += [Checksum.of(secrets.token_bytes()) for _ in range(_ASKED - len(wanted))]
    random.shuffle(wanted)
    started_at = time.perf_counter()
    chunks.missing(wanted, chunks.owned_sizes(organization, wanted))
    return (time.perf_counter() - started_at) * 1000


def _kept(number: int) -> Checksum:
    return Checksum.of(number.to_bytes(4))


if __name__ == "__main__":
    main()
