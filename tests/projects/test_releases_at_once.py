"""Several who speak of one release at once do not get in each other's way."""

from functools import partial

import pytest
from django.test import Client
from tests.concurrency import run_at_once
from tests.factories import Answer, a_client, a_debug_file, a_project, files_url
from tests.protocols.sentry.release_requests import GAME, ORGANIZATION, say

from symdepot.debugfiles.models import Association, DebugFile
from symdepot.domain.ids import Checksum
from symdepot.projects.models import AuditEntry, Release

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5
RELEASE = {"appId": "com.example", "version": "1.0"}
VERSION = "com.example@1.0"


def associate(client: Client, content: bytes) -> Answer:
    body = {"checksums": [Checksum.of(content).hex], **RELEASE}
    return client.post(
        files_url("dsyms/associate/"), body, content_type="application/json"
    )


def test_a_release_that_several_make_at_once_is_made_once_and_all_have_it() -> None:
    slugs = [f"p{number}" for number in range(6)]
    for slug in slugs:
        a_project(slug)
    client = a_client()

    answers = run_at_once(
        [
            partial(say, client, ORGANIZATION, version="1.0", projects=[slug])
            for slug in slugs
        ]
    )

    assert [answer.status_code for answer in answers] == [201] * len(slugs)
    release = Release.objects.get()
    assert sorted(project.slug for project in release.projects.all()) == slugs
    assert AuditEntry.objects.filter(action="release.created").count() == 1


def test_files_that_several_associate_at_once_are_associated_once() -> None:
    a_debug_file(a_project(), b"content")
    client = a_client()

    answers = run_at_once([lambda: associate(client, b"content")] * 6)

    assert [answer.status_code for answer in answers] == [200] * 6
    told = [row for a in answers for row in a.json()["associatedDsymFiles"]]
    assert len(told) == Association.objects.count() == 1


def test_a_release_may_go_while_files_are_associated_with_it() -> None:
    a_debug_file(a_project(), b"content")
    client = a_client()
    for _ in range(ROUNDS):
        say(client, GAME, version=VERSION)

        answers = run_at_once(
            [
                lambda: associate(client, b"content"),
                lambda: client.delete(f"{ORGANIZATION}{VERSION}/"),
            ]
        )

        assert [answer.status_code for answer in answers] == [200, 204]
        assert Association.objects.count() == Release.objects.count()
        client.delete(f"{ORGANIZATION}{VERSION}/")


def test_a_file_may_go_while_it_is_associated() -> None:
    project, client = a_project(), a_client()
    say(client, GAME, version=VERSION)
    for number in range(ROUNDS):
        content = b"%d" % number
        row = a_debug_file(project, content)

        answers = run_at_once(
            [
                partial(associate, client, content),
                partial(client.delete, f"{files_url()}?id={row.pk}"),
            ]
        )

        assert [answer.status_code for answer in answers] == [200, 204]
        assert not DebugFile.objects.exists()
        assert not Association.objects.exists()
