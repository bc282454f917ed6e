"""The upload options."""

import pytest
from django.conf import settings as current
from pytest_django import Settings
from tests.factories import a_client, an_organization, chunk_url

from symdepot.projects import organizations

pytestmark = pytest.mark.django_db


@pytest.mark.upstream(23)
def test_upload_options_have_all_fields_and_public_clients_get_gzip() -> None:
    client = a_client()

    answer = client.get(chunk_url(), REMOTE_ADDR="8.8.8.8")

    assert answer.status_code == 200
    assert answer.json() == {
        "url": "http://depot.test/api/0/organizations/acme/chunk-upload/",
        "chunkSize": 1 << 20,
        "chunksPerRequest": 64,
        "maxFileSize": 4 << 30,
        "maxRequestSize": 4 << 20,
        "concurrency": 8,
        "hashAlgorithm": "sha1",
        "compression": ["gzip"],
        "accept": [
            "debug_files",
            "pdbs",
            "sources",
            "bcsymbolmaps",
            "il2cpp",
            "portablepdbs",
            "proguard",
            "dartsymbolmap",
        ],
    }


@pytest.mark.upstream(24)
def test_chunks_are_posted_to_the_configured_prefix(settings: Settings) -> None:
    settings.UPLOAD_URL_PREFIX = "https://upload.depot.test"

    answer = a_client().get(chunk_url())

    assert answer.json()["url"] == (
        "https://upload.depot.test/api/0/organizations/acme/chunk-upload/"
    )


@pytest.mark.upstream(25)
def test_the_chunk_size_is_a_power_of_two() -> None:
    size = a_client().get(chunk_url()).json()["chunkSize"]

    assert size.bit_count() == 1


@pytest.mark.upstream(26, 27)
@pytest.mark.parametrize(
    "version", ["1.70.1", "1.77.3", "2.14.2", "2.20.5", "2.21.2", "2.29.999"]
)
def test_versions_that_support_a_relative_url_get_one(version: str) -> None:
    client = a_client(user_agent=f"sentry-cli/{version}")

    url = client.get(chunk_url()).json()["url"]

    assert url == "organizations/acme/chunk-upload/"


@pytest.mark.upstream(26, 27)
@pytest.mark.parametrize(
    "user_agent",
    [
        "sentry-cli/0.69.3",
        "sentry-cli/1.70.0",
        "sentry-cli/2.30.0",
        "sentry-cli/2.58.6",
        "sentry-cli/3.8.2",
        "sentry-cli/2.x",
        "curl/8.5.0",
        "",
    ],
)
def test_other_clients_get_an_absolute_url(user_agent: str) -> None:
    client = a_client(user_agent=user_agent)

    url = client.get(chunk_url()).json()["url"]

    assert url == "http://depot.test/api/0/organizations/acme/chunk-upload/"


@pytest.mark.upstream(26)
def test_a_prefix_wins_over_a_relative_url(settings: Settings) -> None:
    settings.UPLOAD_URL_PREFIX = "https://upload.depot.test"
    client = a_client(user_agent="sentry-cli/2.20.5")

    url = client.get(chunk_url()).json()["url"]

    assert url == "https://upload.depot.test/api/0/organizations/acme/chunk-upload/"


@pytest.mark.upstream(26)
def test_relative_urls_can_be_turned_off(settings: Settings) -> None:
    settings.RELATIVE_UPLOAD_URLS = False
    client = a_client(user_agent="sentry-cli/2.20.5")

    url = client.get(chunk_url()).json()["url"]

    assert url == "http://depot.test/api/0/organizations/acme/chunk-upload/"


def test_the_host_header_is_ignored() -> None:
    client = a_client()

    url = client.get(chunk_url(), headers={"Host": "evil.test"}).json()["url"]

    assert url == "http://depot.test/api/0/organizations/acme/chunk-upload/"


@pytest.mark.upstream(35)
@pytest.mark.parametrize(
    ("mode", "address", "compression"),
    [
        ("none", "8.8.8.8", []),
        ("none", "127.0.0.1", []),
        ("gzip", "8.8.8.8", ["gzip"]),
        ("gzip", "127.0.0.1", ["gzip"]),
        ("auto", "8.8.8.8", ["gzip"]),
        ("auto", "2001:4860::1", ["gzip"]),
        ("auto", "127.0.0.1", []),
        ("auto", "::1", []),
        ("auto", "10.1.2.3", []),
        ("auto", "172.16.0.9", []),
        ("auto", "192.168.7.7", []),
        ("auto", "fd00::7", []),
        ("auto", "not an address", ["gzip"]),
        ("auto", "", []),
    ],
)
def test_compression_is_as_configured_and_auto_excludes_private_clients(
    settings: Settings, mode: str, address: str, compression: list[str]
) -> None:
    settings.UPLOAD_COMPRESSION = mode
    client = a_client()

    answer = client.get(chunk_url(), REMOTE_ADDR=address)

    assert answer.json()["compression"] == compression


@pytest.mark.parametrize(
    ("forwarded", "compression"),
    [
        ("192.168.7.7", []),
        ("192.168.7.7, 10.0.0.1", []),
        ("8.8.8.8", ["gzip"]),
        ("8.8.8.8, 10.0.0.1", ["gzip"]),
        ("192.168.7.7, 8.8.8.8", ["gzip"]),
        ("unknown", ["gzip"]),
    ],
)
def test_the_client_address_of_a_private_proxy_is_trusted(
    forwarded: str, compression: list[str]
) -> None:
    client = a_client()

    answer = client.get(chunk_url(), headers={"X-Forwarded-For": forwarded})

    assert answer.json()["compression"] == compression


def test_the_options_name_the_limits_that_are_configured(settings: Settings) -> None:
    settings.CHUNK_SIZE = 2048
    settings.CHUNKS_PER_REQUEST = 7
    settings.MAX_FILE_SIZE = 12345
    settings.MAX_REQUEST_SIZE = 4096
    settings.UPLOAD_CONCURRENCY = 3

    answer = a_client().get(chunk_url()).json()

    assert (
        answer["chunkSize"],
        answer["chunksPerRequest"],
        answer["maxFileSize"],
        answer["maxRequestSize"],
        answer["concurrency"],
    ) == (2048, 7, 12345, 4096, 3)


def test_concurrency_fits_what_clients_can_read() -> None:
    assert 0 < current.UPLOAD_CONCURRENCY <= 255


def test_accept_is_empty_if_chunk_upload_is_off() -> None:
    organization = an_organization()
    organizations.set_chunk_upload(organization, on=False, by="a test")
    usual = a_client("other").get(chunk_url("other")).json()

    answer = a_client().get(chunk_url())

    assert (answer.status_code, answer.json()["accept"]) == (200, [])
    assert usual["accept"]
    assert answer.json().keys() == usual.keys()
