"""Lookups read what the token may read."""

from base64 import b64encode

import pytest
from django.test import Client
from tests.factories import a_client, a_project, an_organization
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import job, send

from symdepot.projects import organizations, tokens
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

FRAME = job((0, 0x1000))


def is_found(client: Client, path: str = "/symbolicate/v5") -> bool:
    answer = send(FRAME, client, path)
    assert answer.status_code == 200, answer.content
    (found,) = answer.json()["results"][0]["found_modules"].values()
    return bool(found)


def test_a_token_is_read_from_header_password_or_path() -> None:
    payloads.keep()
    token = payloads.url_token(a_project())
    basic = b64encode(f"anybody:{token}".encode()).decode()

    for scheme in (f"Bearer {token}", f"Basic {basic}"):
        assert is_found(Client(headers={"Authorization": scheme}))
    assert is_found(Client(), f"/s/{token}/symbolicate/v5")
    assert send(FRAME, Client(), f"/s/{token}/symbolicate/v4").json() == {
        "symbolicatedStacks": [["foo(int) (in xul.dll)"]],
        "knownModules": [True],
    }


def test_without_a_token_only_public_projects_are_searched() -> None:
    payloads.keep()
    assert not is_found(Client())

    organizations.set_public(a_project(), is_public=True, by="a test")

    assert is_found(Client())


def test_a_token_does_not_read_other_organizations() -> None:
    payloads.keep()
    organizations.set_public(a_project(), is_public=True, by="a test")
    a_project("other", "others")

    assert not is_found(a_client("others"))
    assert not is_found(a_client(project=a_project("second")))
    assert is_found(a_client(project=a_project()))


def test_a_token_without_read_scope_is_refused() -> None:
    uploading = a_client(scopes=(Scope.CI,))
    revoked = Client(headers={"Authorization": "Bearer symd_nobody"})

    assert send(FRAME, uploading).status_code == 403
    for client, path in (
        (revoked, "/symbolicate/v5"),
        (Client(), f"/s/{tokens.URL_PREFIX}nobody/symbolicate/v5"),
    ):
        answer = send(FRAME, client, path)
        assert answer.status_code == 401
        assert list(answer.json()) == ["title"]


def test_a_token_that_can_write_is_refused_in_the_path() -> None:
    token = tokens.create_token(an_organization(), scopes=(Scope.WRITE,), by="a test")

    assert send(FRAME, Client(), f"/s/{token}/symbolicate/v5").status_code != 200
