"""The processes of a server count together, and forget nothing when one dies."""

import http.client
import re
from contextlib import suppress

import psutil
import pytest
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot

pytestmark = [pytest.mark.server, pytest.mark.slow]

_MISSES = 40
_SECONDS = 20


def sources_asked_for(depot: Depot) -> int:
    text = depot.wire.ask("GET", "/metrics").content.decode()
    match = re.search(
        r'^http_requests_total\{type="source"\} (\d+)$', text, re.MULTILINE
    )
    return int(match[1]) if match else 0


def ask_for_sources(depot: Depot) -> int:
    """Return how many answers there were."""
    answers = 0
    for _ in range(_MISSES):
        with suppress(OSError, http.client.HTTPException):
            assert depot.wire.ask("GET", "/buildid/abcd/source/a.c").status == 404
            answers += 1
    return answers


def test_requests_of_a_dead_process_are_still_counted(start_depot: StartDepot) -> None:
    depot = start_depot(workers=0)
    answered = ask_for_sources(depot)
    before = depot.web_processes()
    assert len(before) == 2
    # One process alone cannot have answered all of it.
    assert {sources_asked_for(depot) for _ in range(8)} == {answered}

    for process in before:
        process.kill()
    psutil.wait_procs(before, timeout=_SECONDS)
    later = 0
    while later < _MISSES:
        later += ask_for_sources(depot)

    counted = sources_asked_for(depot)
    assert answered == _MISSES
    assert answered + later <= counted
    assert sources_asked_for(depot) == counted
    pages = list((depot.folder / "counts").iterdir())
    assert len(pages) == 2
