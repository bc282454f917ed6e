"""What clients upload of a program for the JVM makes its crashes readable."""

import json
import re
from pathlib import Path

import pytest
from tests.clients import crashing
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

BUNDLE_ID = "7b1d5c4e-0d32-4a8c-9f65-1d0a2b3c4d5e"
# Longer than a chunk, as those of real programs are.
MAPPING = """\
com.example.Game -> a.a:
# {"id":"sourceFile","fileName":"Game.kt"}
    1:4:void start():1:4 -> c
com.example.GameOver -> a.b:
""" + "".join(
    f"com.example.long.and.winding.road.to.Class{n} -> z.z{n}:\n"
    f"    1:1:void method{n}():1:1 -> z\n"
    for n in range(120_000)
)
SOURCE = "class Game {\n    fun start() {\n        throw GameOver()\n    }\n}\n"
TRACE = "a.b: it is over\n\tat a.a.c(SourceFile:3)\n"


def uploaded(client: SentryCli, folder: Path) -> str:
    """Upload a mapping and sources; return the id that the client gave the mapping."""
    mapping = folder / "mapping.txt"
    mapping.write_text(MAPPING)
    code = folder / "java" / "com" / "example" / "Game.kt"
    code.parent.mkdir(parents=True)
    code.write_text(SOURCE)
    out = folder / "out"

    sent = client.run("upload-proguard", mapping)
    bundled = client.run(
        *("debug-files", "bundle-jvm", "--debug-id", BUNDLE_ID),
        *("--output", out, folder / "java"),
    )
    bundle = client.upload("--type", "jvm", "--wait", out)

    assert (sent.exit_code, bundled.exit_code, bundle.exit_code) == (0, 0, 0), bundle
    named = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", sent.stdout)
    assert named, sent
    return named[0]


def has(depot: Depot, uuid: str) -> bool:
    """Whether a file of this id is there; of a mapping no client waits to hear that."""
    return any(row["debugId"] == uuid for row in depot.wire.all_files())


def test_a_crash_is_retraced_with_an_uploaded_mapping(
    newest: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    uuid = uploaded(depot.client(newest), tmp_path)
    assert crashing.comes_true(lambda: has(depot, uuid), within_seconds=60)
    frame = {"index": 0, "module": "a.a", "function": "c", "lineno": 3}
    asked = {
        "modules": [
            {"uuid": uuid, "type": "proguard"},
            {"uuid": BUNDLE_ID, "type": "source"},
        ],
        "stacktraces": [{"frames": [frame]}],
    }

    answer = depot.wire.ask("POST", "/symbolicate-jvm", json.dumps(asked).encode())
    (tmp_path / "trace.txt").write_text(TRACE)
    told = depot.told(
        "retrace", "default/default", str(tmp_path / "trace.txt"), "--uuid", uuid
    )

    (found,) = answer.json()["stacktraces"][0]["frames"]
    assert found == {
        "index": 0,
        "module": "com.example.Game",
        "function": "start",
        "lineno": 3,
        "filename": "Game.kt",
        "abs_path": "Game.kt",
        "pre_context": ["class Game {", "    fun start() {"],
        "context_line": "        throw GameOver()",
        "post_context": ["    }", "}"],
    }
    assert told == (
        "com.example.GameOver: it is over\n\tat com.example.Game.start(Game.kt:3)\n"
    )
