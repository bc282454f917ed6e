"""From a URL to a bucket, and how long to wait for its answers."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from obstore import store
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

# One that does not answer is given up after about the larger of these two, before
# those who wait for us give us up.
RETRY_LIMIT = timedelta(seconds=10)
SILENCE_LIMIT = timedelta(seconds=20)
_CONNECT_LIMIT = timedelta(seconds=3)
_RETRIES_LIMIT = 4
# A download takes as long as its reader does; only silence ends it.
_REQUEST_LIMIT = timedelta(days=1)

# obstore knows more, but panics on some of them when they come this way: `timeout`.
_S3_OPTIONS = frozenset(
    {
        "access_key_id",
        "checksum_algorithm",
        "endpoint",
        "region",
        "secret_access_key",
        "server_side_encryption",
        "session_token",
        "skip_signature",
        "sse_kms_key_id",
        "unsigned_payload",
        "virtual_hosted_style_request",
    }
)
_OPTIONS = {"s3": _S3_OPTIONS, "gs": frozenset[str](), "az": frozenset[str]()}
SCHEMES = tuple(_OPTIONS)


def from_url(url: str) -> ObjectStore:
    """Return the bucket that `url` names, without asking it for anything.

    `s3://bucket/prefix?endpoint=…&region=…` takes those options of obstore's
    `S3Config` that stand above, percent-encoded. What it does not say, and everything
    for `gs://bucket/prefix` and `az://container/prefix`, is looked for where each
    cloud's own programs do: `AWS_…`, `GOOGLE_…`, `AZURE_…`, the machine's identity.
    `AWS_ENDPOINT_URL_S3`, if set, goes before `endpoint`: obstore has it so.

    Raises:
        ValueError: `url` names no bucket that could be used. The text is for whoever
            wrote it, and repeats no option's value.
    """
    parts = urlsplit(url, allow_fragments=False)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check(parts.scheme, parts.netloc, options)
    plain_http = options.get("endpoint", "").startswith("http://")
    if parts.scheme == "s3":
        # Not every server that speaks S3 knows how to delete in bulk.
        options["disable_bulk_delete"] = "true"
    try:
        bucket: ObjectStore = store.from_url(
            parts._replace(query="").geturl(),
            config=options,  # type: ignore[call-overload]  # its keys were checked
            client_options={
                "connect_timeout": _CONNECT_LIMIT,
                "read_timeout": SILENCE_LIMIT,
                "timeout": _REQUEST_LIMIT,
                **({"allow_http": True} if plain_http else {}),
            },
            retry_config={"max_retries": _RETRIES_LIMIT, "retry_timeout": RETRY_LIMIT},
        )
    except BaseError as error:
        raise ValueError(
            f"The {parts.scheme} bucket {parts.netloc} cannot be used: something in its "
            "URL, or in the environment, is malformed or missing."
        ) from error
    return bucket


def _check(scheme: str, bucket: str, options: dict[str, str]) -> None:
    if not bucket:
        raise ValueError(f"After {scheme}:// must come the name of a bucket.")
    if unknown := options.keys() - _OPTIONS[scheme]:
        raise ValueError(
            f"{', '.join(sorted(unknown))}: not an option of a {scheme} bucket; "
            f"these are: {', '.join(sorted(_OPTIONS[scheme])) or 'none'}."
        )
    # obstore would panic on it, but only when the bucket is first asked.
    if not options.get("endpoint", "https://").startswith(("http://", "https://")):
        raise ValueError("The endpoint must begin with http:// or https://.")
