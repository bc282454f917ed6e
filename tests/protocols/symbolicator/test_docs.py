"""The documented examples and the OpenAPI description are true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import INLINED, post

from symdepot.protocols.symbolicator.schemas import BODY

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[3] / "docs" / "protocols" / "symbolicator.md"


def examples() -> list[Any]:
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return [json.loads(block) for block in blocks]


def test_the_documented_request_has_the_documented_response(settings: Settings) -> None:
    settings.SYMCACHES = True
    a_project()
    upload(a_client(), INLINED.encode())
    question, answer, _ = examples()

    assert post(a_client(), question).json() == answer


def described() -> dict[str, Any]:
    document: dict[str, Any] = Client().get("/openapi.json").json()
    return document


def test_every_referenced_schema_exists() -> None:
    document = described()

    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert "RawFrame" in referred
    assert referred <= set(document["components"]["schemas"])


def test_every_json_endpoint_is_described() -> None:
    paths = described()["paths"]

    assert {"/symbolicate", "/requests/{request_id}"} <= set(paths)
    assert "/api/0/projects/{org}/{project}/files/difs/assemble/" in paths
    symbolicate = paths["/symbolicate"]["post"]
    assert {"200", "400", "413", "422", "429", "503"} <= set(symbolicate["responses"])


def test_the_described_schema_is_the_validated_one() -> None:
    names = set(BODY.json_schema()["properties"])

    content = described()["paths"]["/symbolicate"]["post"]["requestBody"]["content"]
    assert set(content["application/json"]["schema"]["properties"]) == names
