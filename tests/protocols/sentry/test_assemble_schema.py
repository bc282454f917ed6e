"""Invalid assemble requests are refused with the texts of Sentry's JSON schema."""

import json

import pytest
from django.conf import settings as current
from django.test import Client
from pytest_django import Settings
from tests.factories import Answer, a_client, a_project, assemble, files_url

from symdepot.domain.ids import Checksum

pytestmark = pytest.mark.django_db

SHA1 = Checksum.of(b"a file").hex
SHA1_PATTERN = "'^[0-9a-f]{40}$'"


def offered(body: object) -> Answer:
    """Send `body` as JSON, or as it is if it is bytes."""
    a_project()
    return a_client().post(
        files_url("difs/assemble/"),
        body if isinstance(body, bytes) else json.dumps(body),
        content_type="application/json",
    )


@pytest.mark.upstream(1)
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"lol": {}}, f"'lol' does not match any of the regexes: {SHA1_PATTERN}"),
        ({SHA1: "test"}, "'test' is not of type 'object'"),
        ({SHA1: {}}, "'name' is a required property"),
    ],
)
def test_the_body_maps_checksums_to_objects(body: object, text: str) -> None:
    answer = offered(body)

    assert (answer.status_code, answer.json()) == (400, {"error": text})


@pytest.mark.upstream(1)
def test_an_unknown_file_without_chunks_is_not_found() -> None:
    answer = offered({SHA1: {"name": "dif", "chunks": []}})

    assert answer.status_code == 200
    assert answer.json() == {
        SHA1: {"state": "not_found", "missingChunks": [], "detail": None, "dif": None}
    }


@pytest.mark.upstream(2)
@pytest.mark.parametrize("debug_id", ["invalid-debug-id", "", "x", "abc\n", "ü"])
def test_a_debug_id_with_invalid_characters_is_refused(debug_id: str) -> None:
    answer = offered({SHA1: {"name": "dif", "debug_id": debug_id, "chunks": []}})

    assert answer.status_code == 400
    assert answer.json() == {"error": f"{debug_id!r} does not match '^[A-Fa-f0-9-]+$'"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Invalid json body"),
        (b"nonsense", "Invalid json body"),
        (b'{"a', "Invalid json body"),
        (b"\xff\xfe", "Invalid json body"),
        (b'{"\\ud800": {}}', "Invalid json body"),
        ([], "[] is not of type 'object'"),
        (None, "None is not of type 'object'"),
        (7, "7 is not of type 'object'"),
        ({SHA1: None}, "None is not of type 'object'"),
        ({SHA1: []}, "[] is not of type 'object'"),
        ({SHA1: 7}, "7 is not of type 'object'"),
        ({SHA1: {"chunks": []}}, "'name' is a required property"),
        ({SHA1: {"name": "x"}}, "'chunks' is a required property"),
        ({SHA1: {"name": None, "chunks": []}}, "None is not of type 'string'"),
        ({SHA1: {"name": 7, "chunks": []}}, "7 is not of type 'string'"),
        ({SHA1: {"name": "x", "chunks": None}}, "None is not of type 'array'"),
        ({SHA1: {"name": "x", "chunks": "abc"}}, "'abc' is not of type 'array'"),
        ({SHA1: {"name": "x", "chunks": {}}}, "{} is not of type 'array'"),
        ({SHA1: {"name": "x", "chunks": [None]}}, "None is not of type 'string'"),
        ({SHA1: {"name": "x", "chunks": [[]]}}, "[] is not of type 'string'"),
        (
            {SHA1: {"name": "x", "chunks": ["A" * 40]}},
            f"'{'A' * 40}' does not match {SHA1_PATTERN}",
        ),
        (
            {SHA1: {"name": "x", "chunks": [SHA1 + "\n"]}},
            f"'{SHA1}\\n' does not match {SHA1_PATTERN}",
        ),
        (
            {SHA1: {"name": "x", "chunks": [], "debug_id": None}},
            "None is not of type 'string'",
        ),
        (
            {SHA1 + "\n": {"name": "x", "chunks": []}},
            f"'{SHA1}\\n' does not match any of the regexes: {SHA1_PATTERN}",
        ),
        (
            {SHA1.upper(): {"name": "x", "chunks": []}},
            f"'{SHA1.upper()}' does not match any of the regexes: {SHA1_PATTERN}",
        ),
    ],
)
def test_errors_have_the_texts_of_a_json_schema(body: object, text: str) -> None:
    answer = offered(body)

    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_a_long_value_is_truncated_in_the_error() -> None:
    answer = offered({"lol" * 1000: {}})

    shown = f"'{'lol' * 1000}'"[:200]
    assert answer.json() == {
        "error": f"{shown}… does not match any of the regexes: {SHA1_PATTERN}"
    }


def test_an_empty_request_gets_an_empty_response() -> None:
    answer = offered({})

    assert (answer.status_code, answer.json()) == (200, {})


def test_unknown_fields_are_ignored() -> None:
    answer = offered(
        {SHA1: {"name": "x", "chunks": [], "platform": "native", "extra": {"a": [1]}}}
    )

    assert answer.status_code == 200
    assert answer.json()[SHA1]["state"] == "not_found"


def test_the_content_type_is_ignored() -> None:
    a_project()
    body = json.dumps({SHA1: {"name": "x", "chunks": []}})

    answer = a_client().post(
        files_url("difs/assemble/"), body, content_type="text/plain"
    )

    assert answer.json()[SHA1]["state"] == "not_found"


def test_one_invalid_file_refuses_the_whole_request() -> None:
    good, chunk = Checksum.of(b"good").hex, Checksum.of(b"chunk").hex

    answer = offered(
        {good: {"name": "x", "chunks": [chunk]}, SHA1: {"name": "x", "chunks": None}}
    )

    assert answer.status_code == 400
    polled = offered({good: {"name": "x", "chunks": []}})
    assert polled.json()[good]["state"] == "not_found"


def test_too_many_files_in_a_request_are_refused(settings: Settings) -> None:
    settings.MAX_FILES_PER_ASSEMBLE = 2
    names = [Checksum.of(b"%d" % n).hex for n in range(3)]

    answers = [
        offered({name: {"name": "x", "chunks": []} for name in names[:count]})
        for count in (2, 3)
    ]

    assert answers[0].status_code == 200
    assert answers[1].status_code == 400
    assert answers[1].json() == {
        "error": "3 files in one request are too many: at most 2 are taken"
    }


def test_too_many_chunks_of_a_file_are_refused_with_repeats_counted(
    settings: Settings,
) -> None:
    settings.MAX_CHUNKS_PER_FILE = 3

    answers = [
        offered({SHA1: {"name": "x", "chunks": [SHA1] * count}}) for count in (3, 4)
    ]

    assert answers[0].status_code == 200
    assert answers[1].status_code == 400
    assert answers[1].json() == {
        "error": f"{SHA1} has 4 chunks, which are too many: at most 3 are taken"
    }


def test_a_name_has_a_maximum_length() -> None:
    most = current.MAX_NAME_LENGTH

    answers = [
        offered({SHA1: {"name": "ü" * length, "chunks": []}})
        for length in (most, most + 1)
    ]

    assert answers[0].status_code == 200
    assert answers[1].status_code == 400
    assert answers[1].json() == {
        "error": f"the name of {SHA1} is too long: at most {most} characters are taken"
    }


def test_a_name_with_a_nul_is_refused() -> None:
    answer = offered({SHA1: {"name": "a\0b", "chunks": []}})

    assert answer.status_code == 400
    assert answer.json() == {"error": f"the name of {SHA1} contains a NUL"}


def test_a_body_that_is_too_large_is_refused(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2048

    answer = offered({SHA1: {"name": "x" * 4000, "chunks": []}})

    assert answer.status_code == 400
    assert answer.json() == {"error": "the body of an assemble request is too large"}


def test_permissions_are_checked_before_the_body_is_read() -> None:
    a_project()

    answer = assemble(Client(), {"lol": {}})

    assert answer.status_code == 401
