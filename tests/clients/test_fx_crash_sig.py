"""Mozilla's own client names crashes by what we tell of their addresses."""

import json
import subprocess
import sys
from typing import Any

import pytest
from tests import environment
from tests.clients import crashing, fetching
from tests.clients.depot import Depot
from tests.factories import a_breakpad_file
from tests.protocols.eliot.payloads import RECORDS

pytestmark = [pytest.mark.server, pytest.mark.slow]

VERSION = "1.0.3"
ID = "5C1E0FA3D0B94C0E9A53B3D1F6A2E4B71"
BASE = 0x7FF0_0000_0000
CALL = """
import json, sys
from fx_crash_sig.crash_processor import CrashProcessor
from fx_crash_sig.symbolicate import Symbolicator

processor = CrashProcessor()
processor.symbolicator = Symbolicator(api_url=sys.argv[1], verbose=True)
ping = json.load(sys.stdin)
told = processor.symbolicate(ping)
named = processor.get_signature_from_symbolicated(told).signature
print(json.dumps([told["threads"], named]))
"""


@pytest.fixture(scope="module")
def url(depot: Depot) -> str:
    """Where a client asks that can carry a token in a URL alone."""
    content = a_breakpad_file(ID, records=RECORDS)
    depot.wire.upload(content, "xul.sym")

    def is_made() -> bool:
        (row,) = depot.wire.files(debug_id=ID)
        return bool(row["symcache"]["outcome"] == "made")

    assert crashing.comes_true(is_made, within_seconds=60)
    token = depot.told("token", "create", depot.wire.organization, "--url").strip()
    return f"{depot.url}/s/{token}/symbolicate/v5"


def a_ping(*offsets: int, debug_id: str = ID) -> dict[str, Any]:
    """Return a crash ping of Firefox's, with these frames in one module."""
    module = {"debug_file": "xul.pdb", "debug_id": debug_id, "filename": "xul.dll"}
    frames = [{"ip": hex(BASE + at), "module_index": 0} for at in offsets]
    return {
        "normalized_os": "Windows",
        "payload": {
            "metadata": {},
            "stack_traces": {
                "crash_info": {"crashing_thread": 0, "type": "SIGSEGV"},
                "modules": [module | {"base_addr": hex(BASE)}],
                "threads": [{"frames": frames}],
            },
        },
    }


def asked(url: str, ping: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Let the client ask; return its frames, and how it calls the crash."""
    done = subprocess.run(  # noqa: S603 -- a client whose hashes are locked
        [sys.executable, "-c", CALL, url],
        env={
            **environment.inherited(),
            "PYTHONPATH": str(fetching.fetched("fx-crash-sig", VERSION)),
        },
        input=json.dumps(ping),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (thread,), name = json.loads(done.stdout)
    return thread["frames"], name


def test_a_crash_signature_is_the_innermost_function(url: str) -> None:
    frames, name = asked(url, a_ping(0x1012, 0x2004))

    assert [frame["function"] for frame in frames] == ["foo(int)", "foo::bar()"]
    assert frames[0]["line"] == 7
    assert name == "deepest"


def test_a_crash_signature_without_symbols_is_the_module(url: str) -> None:
    frames, name = asked(url, a_ping(0x1012, debug_id="0" * 32 + "F"))

    assert [frame["module_offset"] for frame in frames] == ["0x1012"]
    assert name == "xul.pdb"


def test_a_crash_without_frames_has_the_signature_of_an_empty_stack(url: str) -> None:
    with pytest.raises(AssertionError, match="no stacks specified"):
        asked(url, a_ping())
