"""Breakpad: symbol files by debug id and code id, as Tecken serves them."""

from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_breakpad_file, a_client, a_project, upload

from symdepot.projects import organizations, tokens
from symdepot.projects.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

GUID = UUID("3249d99d-0c40-4931-8610-f4e4fb0b6936")
ID = f"{GUID.hex.upper()}1"
CONTENT = a_breakpad_file(ID, records=("INFO CODE_ID 5AB380779000 crash.exe",))
CONTENT = CONTENT.replace(b" hello\n", b" crash b.pdb\n")
PATH = f"/crash%20b.pdb/{ID}/crash%20b.sym"


@pytest.fixture(autouse=True)
def project() -> Project:
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    upload(a_client(), CONTENT, name="crash b.sym")
    return project


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        PATH.lower(),
        PATH.upper(),
        f"/crash%20b.pdb/{ID}/crash%20b.pdb.sym",
        f"/proxy{PATH}",
        f"/cr{PATH}",
    ],
)
def test_a_symbol_file_is_text_for_any_origin(path: str) -> None:
    answer = Client().get(path)

    assert (answer.status_code, answer.getvalue()) == (200, CONTENT)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_head_is_answered() -> None:
    answer = Client().head(PATH)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_code_id_redirects_to_the_path_of_the_module_line(method: str) -> None:
    token = tokens.create_url_token(a_project(), by="me")
    path = "crash.exe/5AB380779000/crash.sym?_refresh=1&a=%20"

    at_root = getattr(Client(), method)(f"/{path}")
    by_token = getattr(Client(), method)(f"/s/{token}/{path}")

    assert at_root.status_code == by_token.status_code == 302
    assert at_root["Location"] == f"{PATH}?_refresh=1&a=%20"
    assert by_token["Location"] == f"/s/{token}{PATH}?_refresh=1&a=%20"
    assert Client().get(by_token["Location"]).getvalue() == CONTENT


@pytest.mark.parametrize(
    ("module", "path"),
    [
        (f"{GUID.hex.upper()}1A bench.pdb", f"bench.pdb/{GUID.hex.upper()}1A/bench"),
        (f"{GUID.hex}1a /usr/lib/b.so", f"b.so/{GUID.hex}1a/b.so"),
        (f"{GUID.hex}1a ", f"bench.dll/{GUID.hex}1a/bench.dll"),
    ],
)
def test_a_redirect_spells_the_debug_id_as_the_file(module: str, path: str) -> None:
    records = f"MODULE windows x86 {module}\nINFO CODE_ID 5AB380750000 bench.dll\n"
    upload(a_client(), records.encode(), name="bench.dll.sym")

    answer = Client().get("/bench.dll/5AB380750000/bench.sym")

    assert answer["Location"] == f"/{path}.sym"
    assert Client().get(answer["Location"]).getvalue() == records.encode()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"/crash.pdb/{GUID.hex}2/crash.sym", "Symbol Not Found"),
        ("/crash.exe/5AB380779001/crash.sym", "Symbol Not Found"),
        ("/third.exe/5AB380779000/third.sym", "Symbol Not Found"),
        (f"/crash.pdb/{'0' * 33}/crash.sym", "Symbol Not Found (and ignored)"),
        ("/crash.pdb/no-id/crash.sym", "Symbol Not Found (and ignored)"),
        ("/crash.sym", "Symbol Not Found (and ignored)"),
    ],
)
def test_a_miss_has_the_text_that_clients_compare(path: str, text: str) -> None:
    answer = Client().get(path)

    assert (answer.status_code, answer.content.decode()) == (404, text)
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_impossible_paths_cost_no_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        Client().get(f"/crash.pdb/{'0' * 33}/crash.sym")


def test_a_private_symbol_file_needs_a_token(project: Project) -> None:
    organizations.set_public(project, is_public=False, by="a test")
    token = tokens.create_url_token(project, by="me")

    assert Client().get(PATH).status_code == 404
    assert Client().get(f"/s/{token}{PATH}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("get", PATH, {"If-None-Match": "*"}, 304),
        ("get", PATH, {"Range": "bytes=0-9"}, 206),
        ("get", PATH, {"Range": "bytes=9999-"}, 416),
        ("get", "/crash.exe/5AB380779000/crash.sym", {}, 302),
        ("get", f"/s/symd_wrong{PATH}", {}, 401),
        ("post", PATH, {}, 405),
        ("options", PATH, {}, 200),
        ("options", "/crash.sym", {}, 200),
    ],
)
def test_pages_of_any_origin_may_read_every_response(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = getattr(Client(headers=headers), method)(path)

    assert answer.status_code == status
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_a_page_may_send_its_token_and_a_range() -> None:
    asked = {
        "Origin": "https://profiler.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,range",
    }

    answer = Client(headers=asked).options(PATH)

    assert answer["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert answer["Access-Control-Allow-Headers"] == "authorization,range"
