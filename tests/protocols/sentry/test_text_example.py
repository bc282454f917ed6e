"""The example in docs/protocols/texts.md."""

import json
import re
from pathlib import Path

import pytest
from pytest_django import Settings
from tests.factories import a_client, a_project, upload

DOC = Path(__file__).parents[3] / "docs" / "protocols" / "texts.md"
BLOCKS = re.findall(
    r"^```(?:breakpad|text|json)\n(.*?)^```$", DOC.read_text(), re.MULTILINE | re.DOTALL
)


@pytest.mark.django_db
def test_the_documented_example_gives_the_documented_response(
    settings: Settings,
) -> None:
    settings.SYMCACHES = True
    debug_file, text, answer, rest = BLOCKS
    a_project()
    upload(a_client(), debug_file.encode(), name="libgame.so.sym")

    found = a_client().post(
        "/api/0/projects/acme/game/symbolicate-text",
        {"text": text},
        content_type="application/json",
    )

    assert found.json() == json.loads(rest) | {"text": answer}
