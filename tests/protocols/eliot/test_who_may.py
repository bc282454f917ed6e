"""What may be looked up is what may be read, whichever way the token comes."""

from base64 import b64encode

import pytest
from django.test import Client
from tests.factories import a_client, a_project, an_organization
from tests.protocols.eliot import asking
from tests.protocols.eliot.asking import ask, job

from symdepot.projects import access, tokens
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

FRAME = job((0, 0x1000))


def is_found(client: Client, path: str = "/symbolicate/v5") -> bool:
    answer = ask(FRAME, client, path)
    assert answer.status_code == 200, answer.content
    (found,) = answer.json()["results"][0]["found_modules"].values()
    return bool(found)


def test_a_token_comes_in_a_header_as_a_password_or_in_the_path() -> None:
    asking.keep()
    token = asking.url_token(a_project())
    basic = b64encode(f"anybody:{token}".encode()).decode()

    for scheme in (f"Bearer {token}", f"Basic {basic}"):
        assert is_found(Client(headers={"Authorization": scheme}))
    assert is_found(Client(), f"/s/{token}/symbolicate/v5")
    assert ask(FRAME, Client(), f"/s/{token}/symbolicate/v4").json() == {
        "symbolicatedStacks": [["foo(int) (in xul.dll)"]],
        "knownModules": [True],
    }


def test_without_a_token_there_are_public_projects_alone() -> None:
    asking.keep()
    assert not is_found(Client())

    access.set_public(a_project(), is_public=True, by="a test")

    assert is_found(Client())


def test_a_token_shows_nothing_of_others() -> None:
    asking.keep()
    access.set_public(a_project(), is_public=True, by="a test")
    a_project("other", "others")

    assert not is_found(a_client("others"))
    assert not is_found(a_client(project=a_project("second")))
    assert is_found(a_client(project=a_project()))


def test_who_may_not_read_may_not_ask() -> None:
    uploading = a_client(scopes=(Scope.CI,))
    revoked = Client(headers={"Authorization": "Bearer symd_nobody"})

    assert ask(FRAME, uploading).status_code == 403
    for client, path in (
        (revoked, "/symbolicate/v5"),
        (Client(), f"/s/{tokens.URL_PREFIX}nobody/symbolicate/v5"),
    ):
        answer = ask(FRAME, client, path)
        assert answer.status_code == 401
        assert list(answer.json()) == ["title"]


def test_a_token_that_writes_does_not_work_in_the_path() -> None:
    token = tokens.create_token(an_organization(), scopes=(Scope.WRITE,), by="a test")

    assert ask(FRAME, Client(), f"/s/{token}/symbolicate/v5").status_code != 200
