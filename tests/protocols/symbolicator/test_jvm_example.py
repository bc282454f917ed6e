"""What docs/protocols/jvm.md shows is what happens."""

import json
import re
from pathlib import Path

import pytest
from tests.factories import a_project
from tests.protocols.symbolicator.retracing import a_bundle_of, a_mapping_of, ask

DOC = Path(__file__).parents[3] / "docs" / "protocols" / "jvm.md"
BLOCKS = re.findall(
    r"^```(?:proguard|json)\n(.*?)^```$", DOC.read_text(), re.MULTILINE | re.DOTALL
)
GAME = (
    (14 * "// A licence that nobody reads.\n")
    + """
class Game(private val physics: Physics) {
    fun start() {
        // Gravity first: everything else falls into place.
        physics.gravity = 9.81
        physics.step(1)
    }
}
"""
)


@pytest.mark.django_db
def test_the_documented_request_has_the_documented_answer() -> None:
    mapping, request, answer = BLOCKS
    a_mapping_of(a_project(), mapping)
    a_bundle_of(a_project(), {"~/com/example/Game.jvm": GAME})

    found = ask(json.loads(request)).json()

    assert found == json.loads(answer)
