"""Every error of ours has a face in every protocol."""

import json
from collections.abc import Callable

import pytest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from ninja import NinjaAPI

from symdepot.domain import errors
from symdepot.domain.errors import SymdepotError
from symdepot.domain.ids import Checksum
from symdepot.protocols.sentry import errors as sentry

A, B = Checksum.of(b"a"), Checksum.of(b"b")

ANSWERS: dict[Callable[[], SymdepotError], tuple[int, dict[str, str]]] = {
    lambda: errors.Unauthenticated("Who?"): (401, {"detail": "Who?"}),
    lambda: errors.NotAllowed("No."): (403, {"detail": "No."}),
    lambda: errors.InvalidRequest("What?"): (400, {"error": "What?"}),
    lambda: errors.BodyTooLarge(7 * 10**6): (
        413,
        {"detail": "The body of this request may have 7 MB."},
    ),
    lambda: errors.ChecksumMismatch(claimed=A, actual=B): (
        400,
        {"error": f"content hashes to {B}, not to {A}"},
    ),
    lambda: errors.ChunkTooLarge(7): (400, {"error": "Chunk size too large"}),
    lambda: errors.TooManyChunks(7): (400, {"error": "Too many chunks"}),
    lambda: errors.RequestTooLarge(7): (400, {"error": "Request too large"}),
    lambda: errors.UnreadableEncoding("zstd"): (400, {"error": "Invalid zstd payload"}),
    lambda: errors.FileTooLarge(name="x", size_bytes=8, limit_bytes=7): (
        400,
        {"error": "File x exceeds maximum size (8 > 7)"},
    ),
    lambda: errors.NotADebugFile("It is none."): (400, {"error": "It is none."}),
    lambda: errors.ParserDied("It died."): (400, {"error": "It died."}),
    lambda: errors.QuotaExceeded(
        "acme", used_bytes=480 * 10**9, quota_bytes=500 * 10**9, needed_bytes=30 * 10**9
    ): (
        400,
        {
            "error": "Organization 'acme' uses 480 GB of its quota of 500 GB, and this "
            "needs at least 30 GB more. Delete debug files that are not needed, or "
            "ask whoever runs this server for more room."
        },
    ),
    lambda: errors.OrganizationMissing("acme"): (
        404,
        {"detail": "There is no organization 'acme'."},
    ),
    lambda: errors.ProjectMissing(organization="acme", slug="game"): (
        404,
        {
            "detail": "There is no project 'game' in organization 'acme' "
            "that this token may see."
        },
    ),
    lambda: errors.DebugFileMissing("7"): (
        404,
        {"detail": "There is no debug file '7' in this project."},
    ),
    lambda: errors.MissingIdNotListed("7"): (
        404,
        {"detail": "There is no wanted id '7' in this project."},
    ),
    lambda: errors.ReleaseMissing("1.0"): (
        404,
        {"detail": "There is no release '1.0' that this token may see."},
    ),
    errors.AlreadyAssociated: (
        409,
        {
            "error": "Proguard artifact release with this name in this project "
            "already exists."
        },
    ),
    errors.ChunksMissing: (
        404,
        {"detail": "Not all chunks available for assembling"},
    ),
    lambda: errors.RequestMissing("7"): (
        404,
        {"detail": "There is no request '7' that is being worked on."},
    ),
    lambda: errors.BlobMissing(A): (404, {"detail": f"no bytes are kept under {A}"}),
    lambda: errors.ContentDamaged(A): (
        404,
        {
            "detail": f"The stored bytes of this file are damaged or gone ({A}). "
            "Upload it again to repair it."
        },
    ),
    errors.StorageUnavailable: (
        503,
        {"detail": "The storage does not answer. Try again in a moment."},
    ),
    lambda: errors.WrongStore(expected="1f", found="2e"): (
        503,
        {
            "detail": "The storage is not the one of this database: it has the id 2e, "
            "and the database knows 1f. Nothing is read or written until the right one "
            "is back."
        },
    ),
    lambda: errors.BlobDamaged(A): (
        503,
        {
            "detail": f"chunk {A} is damaged in the storage; "
            "uploading the file again sends it anew"
        },
    ),
    lambda: errors.SandboxUnavailable("no process"): (
        503,
        {"detail": "The file could not be inspected: no process"},
    ),
    errors.InternalError: (503, {"detail": "internal server error"}),
    lambda: errors.RateExceeded(600, retry_after_seconds=2.1): (
        429,
        {"detail": "That is more than 600 requests in a minute. Try again in 3 s."},
    ),
    errors.Busy: (
        503,
        {"detail": "maximum number of concurrent requests reached"},
    ),
    errors.LeaseLost: (
        503,
        {"detail": "the work was taken over by another worker"},
    ),
}


def leaves(error: type[SymdepotError]) -> list[type[SymdepotError]]:
    children = error.__subclasses__()
    return [leaf for child in children for leaf in leaves(child)] or [error]


def told(error: Exception) -> tuple[int, object]:
    """Let a door raise `error` and return what its client is told."""
    api = NinjaAPI(urls_namespace=f"test{id(error)}")
    sentry.add_error_handlers(api)
    response = api.on_exception(RequestFactory().get("/"), error)
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize("error", leaves(SymdepotError), ids=lambda e: e.__name__)
def test_sentry_cli_has_an_answer_to_every_leaf_of_the_tree(
    error: type[SymdepotError],
) -> None:
    assert any(issubclass(error, known) for known in sentry.STATUS)
    assert error in {type(make()) for make in ANSWERS}


@pytest.mark.parametrize("make", ANSWERS, ids=lambda make: type(make()).__name__)
def test_sentry_cli_is_told_each_error_with_a_status_and_one_key(
    make: Callable[[], SymdepotError],
) -> None:
    assert told(make()) == ANSWERS[make]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_is_worth_a_retry(
    error: type[Exception],
) -> None:
    assert told(error("disk I/O error at /secret/place")) == (
        503,
        {"detail": "The database does not answer. Try again."},
    )


def test_a_fault_of_ours_is_told_without_its_reason() -> None:
    assert told(RuntimeError("Permission denied: '/secret/place'")) == (
        500,
        {"detail": "internal server error"},
    )


def test_what_passes_in_a_moment_says_when_to_try_again() -> None:
    api = NinjaAPI(urls_namespace="retry")
    sentry.add_error_handlers(api)
    request: HttpRequest = RequestFactory().get("/")

    response = api.on_exception(request, errors.StorageUnavailable())

    assert response["Retry-After"] == "1"


def test_an_address_that_no_door_has_is_answered_in_the_same_shape(
    client: Client,
) -> None:
    answer = client.get("/api/0/projects/acme/game/nowhere/")

    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": "There is nothing at this address."},
    )
