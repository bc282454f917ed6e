"""The example in docs/protocols/jvm.md is true."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client
from tests.factories import a_project
from tests.protocols.symbolicator.jvm_payloads import a_bundle_of, a_mapping_of, send

from symdepot.protocols.symbolicator.jvm_schemas import JVM_BODY

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
def test_the_documented_request_has_the_documented_response() -> None:
    mapping, request, answer = BLOCKS
    a_mapping_of(a_project(), mapping)
    a_bundle_of(a_project(), {"~/com/example/Game.jvm": GAME})

    found = send(json.loads(request)).json()

    assert found == json.loads(answer)


def test_the_described_schema_is_the_validated_one() -> None:
    document = Client().get("/openapi.json").json()

    door = document["paths"]["/symbolicate-jvm"]["post"]
    body = door["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == set(JVM_BODY.json_schema()["properties"])
    assert {"200", "400", "413", "422", "429", "503"} <= set(door["responses"])
    assert "RawJvmFrame" in document["components"]["schemas"]
