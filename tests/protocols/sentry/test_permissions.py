"""Each endpoint requires one of the scopes of its permission."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.factories import (
    Answer,
    a_client,
    a_debug_file,
    a_part,
    a_project,
    assemble,
    chunk_url,
    files_url,
)

from symdepot.debugfiles.models import DebugFile
from symdepot.projects.models import Token
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

type Deed = Callable[[Client, DebugFile], Answer]

LIST = "project:read, project:releases, org:ci, project:write, project:admin"
UPLOAD = "project:releases, org:ci, project:write, project:admin"
DOWNLOAD = "project:read, project:write, project:admin"
DELETE = "project:write, project:admin"


def options(client: Client, row: DebugFile) -> Answer:
    return client.get(chunk_url())


def listing(client: Client, row: DebugFile) -> Answer:
    return client.get(files_url())


def unknown(client: Client, row: DebugFile) -> Answer:
    return client.get(files_url("dsyms/unknown/"))


def chunk(client: Client, row: DebugFile) -> Answer:
    return client.post(chunk_url(), {"file": a_part(b"chunk")})


def offer(client: Client, row: DebugFile) -> Answer:
    return assemble(client, {})


def archive(client: Client, row: DebugFile) -> Answer:
    empty = b"PK\x05\x06" + bytes(18)
    return client.post(files_url(), {"file": SimpleUploadedFile("a.zip", empty)})


def reprocess(client: Client, row: DebugFile) -> Answer:
    return client.post("/api/0/projects/acme/game/reprocessing/")


def associate(client: Client, row: DebugFile) -> Answer:
    body = {"checksums": [], "appId": "com.example", "version": "1.0"}
    return client.post(
        files_url("dsyms/associate/"), body, content_type="application/json"
    )


def download(client: Client, row: DebugFile) -> Answer:
    return client.get(files_url(), {"id": row.pk})


def delete(client: Client, row: DebugFile) -> Answer:
    return client.delete(files_url() + f"?id={row.pk}")


DEEDS: list[tuple[Deed, str, str]] = [
    (options, "list", LIST),
    (listing, "list", LIST),
    (unknown, "list", LIST),
    (chunk, "upload", UPLOAD),
    (offer, "upload", UPLOAD),
    (archive, "upload", UPLOAD),
    (reprocess, "upload", UPLOAD),
    (associate, "upload", UPLOAD),
    (download, "download", DOWNLOAD),
    (delete, "delete", DELETE),
]
OF_A_PROJECT = [deed for deed, _, _ in DEEDS if deed not in {options, chunk}]


@pytest.mark.parametrize(
    ("deed", "word", "sufficient"), DEEDS, ids=[deed.__name__ for deed, _, _ in DEEDS]
)
@pytest.mark.upstream(28)
def test_one_of_the_scopes_of_an_endpoint_suffices_and_no_other_does(
    deed: Deed, word: str, sufficient: str
) -> None:
    client, answers = a_client(scopes=[]), {}
    for scope in (*Scope, "org:org", ""):
        row = a_debug_file(a_project())
        Token.objects.update(scopes=[scope] if scope else [])
        answers[scope] = deed(client, row)

    refused = {
        "detail": (
            f"This token may not {word} debug files: "
            f"it needs one of the scopes {sufficient}."
        )
    }
    allowed = sufficient.split(", ")
    assert {
        scope for scope, got in answers.items() if got.status_code in {200, 201, 204}
    } == set(allowed)
    assert {
        scope: (got.status_code, got.json())
        for scope, got in answers.items()
        if scope not in allowed
    } == {scope: (403, refused) for scope in answers if scope not in allowed}


@pytest.mark.parametrize("deed", [d for d, _, _ in DEEDS], ids=lambda d: d.__name__)
def test_every_endpoint_requires_a_token(deed: Deed) -> None:
    row = a_debug_file(a_project())

    answer = deed(Client(), row)

    assert answer.status_code == 401
    assert answer.json() == {
        "detail": (
            "Authentication credentials were not provided: "
            "send a token as 'Authorization: Bearer TOKEN'."
        )
    }
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.upstream(61)
@pytest.mark.parametrize("deed", [d for d, _, _ in DEEDS], ids=lambda d: d.__name__)
def test_a_token_of_another_organization_is_refused(deed: Deed) -> None:
    row, stranger = a_debug_file(a_project()), a_client("other")

    answer = deed(stranger, row)

    assert answer.status_code == 403
    assert answer.json() == {
        "detail": "This token belongs to organization 'other', not to 'acme'."
    }
    assert DebugFile.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("deed", OF_A_PROJECT, ids=lambda d: d.__name__)
def test_a_token_of_another_project_gets_not_found(deed: Deed) -> None:
    row = a_debug_file(a_project())
    neighbour = a_client(project=a_project("tool"), scopes=list(Scope))

    answer = deed(neighbour, row)

    assert answer.status_code == 404
    assert answer.json() == {
        "detail": (
            "There is no project 'game' in organization 'acme' that this token may see."
        )
    }


@pytest.mark.parametrize("deed", OF_A_PROJECT, ids=lambda d: d.__name__)
def test_a_token_of_the_project_is_accepted_everywhere(deed: Deed) -> None:
    project = a_project()
    row, client = a_debug_file(project), a_client(project=project, scopes=list(Scope))

    assert deed(client, row).status_code in {200, 201, 204}


@pytest.mark.parametrize("name", ["unknown", "GAME", "0", "4711", "%00", "9" * 5000])
def test_an_unknown_project_is_not_found(name: str) -> None:
    a_project()

    answer = a_client().get(files_url(project=name))

    assert answer.status_code == 404
    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize("name", ["unknown", "ACME", "0", "4711", "%00", "9" * 5000])
def test_other_organizations_are_indistinguishable_from_unknown_ones(name: str) -> None:
    a_project()

    answers = [
        a_client().get(chunk_url(name)),
        a_client().get(files_url(organization=name)),
    ]

    assert {answer.status_code for answer in answers} == {403}
    shown = "\x00" if name == "%00" else name
    assert {answer.json()["detail"] for answer in answers} == {
        f"This token belongs to organization 'acme', not to {shown!r}."
    }


def test_organization_and_project_may_be_named_by_their_numbers() -> None:
    project = a_project()
    row = a_debug_file(project)

    answer = a_client().get(
        files_url(organization=str(project.organization_id), project=str(project.pk))
    )

    assert [found["id"] for found in answer.json()] == [str(row.pk)]


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_an_unsupported_method_is_refused(method: str) -> None:
    a_project()

    answer = getattr(a_client(), method)(chunk_url())

    assert answer.status_code == 405
