"""Files that lie somewhere whole are sent by who has them: the proxy, or the bucket."""

from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings
from tests.contracts.seaweed import S3Server
from tests.factories import Answer, a_debug_file, a_file, a_project
from tests.fixtures import builders

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, CodeId
from symdepot.projects import organizations

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
CONTENT = b"the bytes of a debug file"
CHECKSUM = Checksum.of(CONTENT)
BY_PROXY = {"X-Sendfile-Type": "X-Accel-Redirect"}
PATH = f"/buildid/{BUILD_ID}/debuginfo"


@pytest.fixture
def accel(settings: Settings, disk: Path) -> None:
    settings.DOWNLOADS = "accel"
    settings.ACCEL_PREFIX = "/inside/"


@pytest.fixture
def bucket(settings: Settings, s3_server: S3Server) -> None:
    settings.DOWNLOADS = "redirect"
    settings.BLOB_URL = s3_server.url(uuid4().hex)
    blob_store.cache_clear()


def a_row(*parts: bytes) -> DebugFile:
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    row = a_debug_file(project, code_id=BUILD_ID)
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *parts))
    return row


def ask(path: str = PATH, method: str = "GET", **headers: str) -> Answer:
    return Client().generic(method, path, headers={**BY_PROXY, **headers})


@pytest.mark.usefixtures("accel")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_proxy_is_told_where_a_file_of_one_chunk_lies(method: str) -> None:
    a_row(CONTENT)

    answer = ask(method=method)

    place = f"{CHECKSUM.hex[:2]}/{CHECKSUM.hex[2:4]}/{CHECKSUM}"
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/inside/{place}"
    assert answer["ETag"] == f'"{CHECKSUM}"'
    assert answer["X-DEBUGINFOD-SIZE"] == str(len(CONTENT))
    assert answer["Content-Disposition"] == 'attachment; filename="hello.debug"'


@pytest.mark.usefixtures("accel")
def test_the_proxy_and_not_we_cut_out_ranges() -> None:
    a_row(CONTENT)

    answer = ask(Range="bytes=0-3")

    assert answer.status_code == 200
    assert "Content-Range" not in answer
    assert "X-Accel-Redirect" in answer


@pytest.mark.usefixtures("accel")
@pytest.mark.parametrize("said", ["", "X-Sendfile", "x-accel-redirect"])
def test_whoever_comes_past_the_proxy_is_sent_the_bytes(said: str) -> None:
    a_row(CONTENT)

    answer = ask(**{"X-Sendfile-Type": said})

    assert answer.getvalue() == CONTENT
    assert "X-Accel-Redirect" not in answer


@pytest.mark.usefixtures("accel")
def test_what_has_to_be_put_together_is_sent_by_us() -> None:
    a_row(CONTENT, b"and more")

    assert ask().getvalue() == CONTENT + b"and more"


@pytest.mark.usefixtures("accel")
def test_a_section_is_sent_by_us() -> None:
    content = builders.elf_section(b".note", b"a section")
    a_row(content)

    answer = ask(f"/buildid/{BUILD_ID}/section/.note")

    assert answer.getvalue() == b"a section"


@pytest.mark.usefixtures("accel")
def test_a_proxy_is_not_sent_to_where_nothing_lies() -> None:
    a_row(CONTENT)
    blob_store().delete(CHECKSUM)

    assert ask().status_code == 404
    assert b"damaged or gone" in ask().content


@pytest.mark.usefixtures("accel")
def test_who_has_it_already_is_told_so_by_us() -> None:
    a_row(CONTENT)

    answer = ask(**{"If-None-Match": f'"{CHECKSUM}"'})

    assert answer.status_code == 304
    assert "X-Accel-Redirect" not in answer


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-3"}])
def test_a_client_is_sent_to_the_bucket_for_a_file_of_one_chunk(
    headers: dict[str, str],
) -> None:
    a_row(CONTENT)

    answer = ask(**headers)

    assert answer.status_code == 302
    # What is signed now is worth nothing tomorrow.
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-DEBUGINFOD-SIZE"] == str(len(CONTENT))
    with urlopen(answer["Location"]) as there:  # noqa: S310 -- our own server
        assert there.read() == CONTENT


@pytest.mark.usefixtures("bucket")
def test_head_is_answered_by_us_since_an_address_is_signed_for_get() -> None:
    a_row(CONTENT)

    answer = ask(method="HEAD")

    assert (answer.status_code, answer["Content-Length"]) == (200, str(len(CONTENT)))


@pytest.mark.usefixtures("bucket")
def test_a_client_is_not_sent_to_the_bucket_for_parts() -> None:
    a_row(CONTENT, b"and more")

    assert ask().getvalue() == CONTENT + b"and more"
