"""Hostile requests cost little and cause no server error."""

import time
from io import BytesIO

import pytest
from django.db import connection
from pytest_django import Settings
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import INLINED, a_module, a_request, post

from symdepot.projects.models import Project
from symdepot.protocols.symbolicator.response_schemas import REFUSAL

pytestmark = pytest.mark.django_db


def _registers(count: int) -> str:
    return ",".join(f'"{n:x}":[]' for n in range(count))


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    return a_project()


def test_the_largest_addresses_have_no_function() -> None:
    upload(a_client(), INLINED.encode())
    farthest = [hex(2**64 - 1), 2**64 - 1, str(2**64 - 1)]
    frames: list[dict[str, object]] = [{"instruction_addr": one} for one in farthest]
    relative = [{**frame, "addr_mode": "rel:0"} for frame in frames]

    body = a_request(*frames, *relative, modules=[a_module(image_size=None)])
    told = post(a_client(), body).json()["stacktraces"][0]["frames"]

    assert [frame["status"] for frame in told] == ["missing_symbol"] * 6
    assert {frame["instruction_addr"] for frame in told} == {hex(2**64 - 1)}


def test_a_number_above_64_bits_is_refused() -> None:
    upload(a_client(), INLINED.encode())

    body = a_request({"instruction_addr": "9" * 20}, modules=[a_module(image_size=0)])

    assert post(a_client(), body).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"modules":[' + "0," * 1_000_000 + "0]}", 422),
        ('{"modules":[' + "{}," * 1_000_000 + "{}]}", 422),
        ('{"stacktraces":[' + "{}," * 1_000_000 + "{}]}", 422),
        ('{"stacktraces":[{"frames":[' + "{}," * 1_000_000 + "{}]}]}", 422),
        ('{"stacktraces":[{"registers":{' + _registers(200_000) + "}}]}", 422),
        (
            '{"stacktraces":[' + ('{"frames":[' + "{}," * 999 + "{}]},") * 101 + "{}]}",
            400,
        ),
        ('{"sources":[' + "0," * 3_000_000 + "0]}", 400),
    ],
    ids=["zeros", "modules", "stacks", "frames", "registers", "total", "ignored"],
)
def test_a_body_of_millions_of_values_is_refused_before_parsing(
    body: str, status: int
) -> None:
    began = time.process_time()

    answer = a_client().post("/symbolicate", body, content_type="application/json")

    assert answer.status_code == status
    assert len(REFUSAL.validate_json(answer.content)["causes"]) <= 2
    # Measured: 0.7 s at most, and 7 s for the zeros when each was found fault with.
    assert time.process_time() - began < 3


class _Listened(BytesIO):
    """A body that knows whether a connection to the database was lent as it came."""

    was_lent: bool | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_lent = connection.connection is not None
        return super().read(size)


@pytest.mark.django_db(transaction=True)
def test_a_slow_upload_has_no_database_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = a_client()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    connection.close()
    body = _Listened(b"{}")
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "2", "REQUEST_METHOD": "POST"}

    answer = client.request(PATH_INFO="/symbolicate", **environ)

    assert (answer.status_code, body.was_lent) == (200, False)


@pytest.mark.parametrize("timeout", ["soon", "-1", "nan"])
def test_an_invalid_query_string_has_detail_and_causes(timeout: str) -> None:
    answer = post(a_client(), {}, f"/symbolicate?timeout={timeout}")

    assert answer.status_code == 422
    (cause,) = REFUSAL.validate_json(answer.content)["causes"]
    assert cause.startswith("query.timeout: Input should be ")


def test_nan_is_returned_as_null() -> None:
    frame = '{"frames": [{"vars": {"far": 1e999}}]}'

    answer = a_client().post(
        "/symbolicate",
        f'{{"stacktraces": [{frame}]}}',
        content_type="application/json",
    )

    assert b'"vars":{"far":null}' in answer.content
