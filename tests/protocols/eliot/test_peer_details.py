"""Details in which clients of Eliot rely on HTTP, beyond the results.

Source: eliot/app.py; falcon's media handler for JSON, which is `json.loads` of bytes;
Dockerflow, README.
"""

import codecs
import json
import tomllib
from pathlib import Path

import pytest
from django.test import Client
from tests.factories import a_client, files_url, upload
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import ID, job, result, send

pytestmark = pytest.mark.django_db

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
DOORS = [
    ("/symbolicate/v5", job((0, 1))),
    ("/symbolicate/v4", job((0, 1))),
    ("/symbolicate", {"stacktraces": [], "modules": []}),
    ("/symbolicate-jvm", {"stacktraces": [], "modules": []}),
    ("/api/0/projects/acme/game/symbolicate-text", {"text": "main"}),
    ("/api/0/projects/acme/game/releases/", {"version": "1"}),
    (files_url("difs/assemble/"), {}),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("path", "payload"), DOORS)
def test_json_may_have_any_unicode_encoding(
    path: str, payload: object, encoding: str
) -> None:
    body = json.dumps(payload).encode(encoding)

    answer = a_client().post(path, body, content_type="application/json")

    assert answer.status_code in {200, 201}, answer.content


@pytest.mark.parametrize("body", [codecs.BOM_UTF16, b"\xff\xfe\x00", b"{\x00"])
def test_what_no_encoding_explains_is_refused(body: bytes) -> None:
    assert send(body).status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/symbolicate/v5/", "/symbolicate/v4/", "/symbolicate/v6", "/symbolicate/"]
)
def test_unknown_paths_are_json(path: str, method: str) -> None:
    answer = Client().generic(method, path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert answer.json() == {"title": "404 Not Found"}
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_the_headers_that_eliot_exposes_are_exposed() -> None:
    exposed = send(job((0, 1)))["Access-Control-Expose-Headers"].split(", ")

    assert {"accept", "content-type", "user-agent", "x-requested-with"} <= set(exposed)


@pytest.mark.parametrize("path", ["/symbolicate/v5", "/symbolicate/v6", "/api/0/none"])
def test_responses_have_a_length(path: str) -> None:
    answer = send(job((0, 1)), path=path)

    assert answer["Content-Length"] == str(len(answer.content))


def test_a_module_is_found_by_its_id_under_another_name() -> None:
    upload(a_client(), payloads.SYMBOLS)

    found = result(job((0, 0x1017), modules=[["other.pdb", ID]]))

    assert found["found_modules"] == {f"other.pdb/{ID}": True}


def test_dockerflow_paths() -> None:
    answers = [
        Client().get(f"/__{name}__") for name in ("lbheartbeat", "heartbeat", "version")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    version = answers[-1].json()
    assert version.keys() == {"source", "version", "commit", "build"}
    project = tomllib.loads(PROJECT.read_text())["project"]
    assert version["version"] == project["version"]
