"""SYMDEPOT_DOWNLOADS is checked against the blob store."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pytest_django import Settings
from tests.installations import Installation

from symdepot.blobs.configured import blob_store
from symdepot.server import startup_checks
from symdepot.server.config import Config, Misconfigured

NOBODY = "endpoint=http%3A%2F%2F127.0.0.1%3A1&region=us-east-1"


def check(settings: Settings, downloads: str, blob_url: str) -> None:
    settings.DOWNLOADS, settings.BLOB_URL = downloads, blob_url
    blob_store.cache_clear()
    startup_checks.check_download_offload()


@pytest.mark.parametrize(
    ("downloads", "blob_url"),
    [
        ("stream", "memory://"),
        ("stream", f"s3://bucket?{NOBODY}"),
        ("accel", "file:///srv/blobs"),
        (
            "redirect",
            f"s3://bucket?{NOBODY}&access_key_id=somebody&secret_access_key=knows",
        ),
    ],
)
def test_a_matching_blob_store_is_accepted(
    settings: Settings, downloads: str, blob_url: str
) -> None:
    check(settings, downloads, blob_url)


@pytest.mark.parametrize(
    ("downloads", "blob_url", "why"),
    [
        (
            "accel",
            f"s3://bucket?{NOBODY}",
            (
                "SYMDEPOT_DOWNLOADS is 'accel', but SYMDEPOT_BLOB_URL names no folder that "
                "nginx could read (s3://). For a bucket there is 'redirect'."
            ),
        ),
        (
            "redirect",
            "file:///srv/blobs",
            (
                "SYMDEPOT_DOWNLOADS is 'redirect', but SYMDEPOT_BLOB_URL names no bucket "
                "that clients could be sent to (file://). For a folder there is 'accel'."
            ),
        ),
    ],
)
def test_an_unsuitable_blob_store_is_refused_with_the_reason(
    settings: Settings, downloads: str, blob_url: str, why: str
) -> None:
    with pytest.raises(Misconfigured) as refusal:
        check(settings, downloads, blob_url)

    assert str(refusal.value) == why


def test_redirect_requires_a_key_for_signing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    # Where it would ask for the machine's role, if it were one of Amazon's.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")

    with pytest.raises(Misconfigured, match=r"no URL of the bucket can be signed"):
        check(settings, "redirect", f"s3://bucket?{NOBODY}&skip_signature=true")


@pytest.mark.slow
def test_a_server_does_not_start_with_an_unsuitable_blob_store(
    installation: Installation,
) -> None:
    installation.settings["DOWNLOADS"] = "redirect"

    result = installation.run("serve", "--workers", "0")

    assert result.returncode == 1
    assert result.stderr.startswith("SYMDEPOT_DOWNLOADS is 'redirect', but ")


@pytest.mark.parametrize(
    "prefix", ["", "/", "blobs/", "/blobs", "//", "/a//b/", "/../", "/a b/", "/a\n/"]
)
def test_an_invalid_accel_prefix_is_refused(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="a path between two slashes"):
        Config(data_dir=tmp_path, accel_prefix=prefix)


@pytest.mark.parametrize("prefix", ["/.blobs/", "/a/b-c/", "/x/"])
def test_a_valid_accel_prefix_is_accepted(prefix: str, tmp_path: Path) -> None:
    assert Config(data_dir=tmp_path, accel_prefix=prefix).accel_prefix == prefix
