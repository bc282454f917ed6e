"""A wrong URL in a setting is reported in a sentence before anything starts."""

import pytest
from pydantic import ValidationError

from symdepot.blobs import buckets
from symdepot.server import config
from symdepot.server.config import Config

PORT = "its port should be a number from 1 to 65535."
HOST = "it should be http:// or https:// and a host."


@pytest.mark.parametrize(
    ("setting", "url", "sentence"),
    [
        ("public_url", "http://h:99999", f" is 'http://h:99999': {PORT}"),
        ("public_url", "http://[::1", f" is 'http://[::1': {HOST}"),
        ("upload_url_prefix", "https://h:0/x", f" is 'https://h:0/x': {PORT}"),
        ("upload_url_prefix", "h/x", f" is 'h/x': {HOST}"),
        ("database_url", "postgres://me:secret@h:99999/x", f": {PORT}"),
    ],
)
def test_a_wrong_url_is_a_sentence(setting: str, url: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as error:
        Config(**{setting: url})  # type: ignore[arg-type]  # all are strings

    expected = f"SYMDEPOT_{setting.upper()}{sentence}"
    assert config.explain_errors(error.value) == expected


@pytest.mark.parametrize("url", ["https://h:8443/x", "http://[::1]:80"])
def test_a_prefix_with_port_and_path_is_valid(url: str) -> None:
    assert Config(upload_url_prefix=url).upload_url_prefix == url


def test_a_bucket_s_endpoint_with_a_wrong_port_is_refused() -> None:
    with pytest.raises(ValueError, match=r"endpoint of the bucket.* from 1 to 65535"):
        buckets.from_url("s3://bucket/?endpoint=http%3A%2F%2F127.0.0.1%3A99999")
