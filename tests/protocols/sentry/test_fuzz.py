"""No request causes an internal error."""

import json

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import a_client, a_project, chunk_url, files_url

from symdepot.domain.ids import Checksum

pytestmark = pytest.mark.django_db

SHA1S = st.sampled_from([Checksum.of(b"%d" % n).hex for n in range(4)])
TEXT = st.text(max_size=50) | SHA1S | SHA1S.map(lambda sha1: sha1 + "\n")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
NEARLY = st.dictionaries(
    SHA1S | TEXT,
    st.fixed_dictionaries(
        {},
        optional={
            "name": TEXT | JSON,
            "chunks": st.lists(SHA1S | JSON) | JSON,
            "debug_id": TEXT | st.sampled_from(["-", "a" * 32, "beef"]) | JSON,
        },
    )
    | JSON,
)
"""What has the shape of an assemble request, but for what hypothesis thinks of."""
RIGHT = st.dictionaries(
    SHA1S,
    st.fixed_dictionaries(
        {"name": TEXT, "chunks": st.lists(SHA1S, max_size=4)},
        optional={"debug_id": st.text("abcdefABCDEF0123456789-", min_size=1)},
    ),
)


def offered(body: str | bytes) -> int:
    a_project()
    answer = a_client().post(
        files_url("difs/assemble/"), body, content_type="application/json"
    )
    if answer.status_code == 400:
        assert list(answer.json()) == ["error"]
    else:
        assert set(answer.json()) == set(json.loads(body))
    return answer.status_code


@given(JSON | NEARLY)
def test_no_json_causes_an_internal_error(body: object) -> None:
    assert offered(json.dumps(body)) in {200, 400}


@given(RIGHT)
def test_every_valid_assemble_request_is_answered(body: object) -> None:
    refused = any("\0" in file["name"] for file in body.values())  # type: ignore[attr-defined]  # hypothesis' strategy has no such type

    assert offered(json.dumps(body)) == (400 if refused else 200)


@given(st.binary(max_size=100))
def test_no_bytes_cause_an_internal_error(body: bytes) -> None:
    assert offered(body) == 400 or json.loads(body) == {}


@given(header=st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_authorization_header_causes_an_internal_error(header: str) -> None:
    for value in (header, f"Bearer {header}", f"Basic {header}"):
        client = Client(headers={"Authorization": value})

        assert client.get(chunk_url()).status_code == 401


@given(
    st.dictionaries(
        st.sampled_from(
            ["query", "debug_id", "code_id", "file_formats", "per_page", "cursor", "id"]
        ),
        st.text(max_size=60) | st.lists(st.text(max_size=9)),
    )
)
def test_no_list_query_causes_an_internal_error(filters: dict[str, str]) -> None:
    a_project()

    answer = a_client().get(files_url(), filters)

    assert answer.status_code in {200, 400, 404}


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_no_path_causes_an_internal_error(name: str) -> None:
    client = a_client()

    for url in (chunk_url(name), files_url(organization=name), files_url(project=name)):
        # What a "?" cuts off may leave the list of organizations.
        assert client.get(url).status_code in {200, 403, 404}
