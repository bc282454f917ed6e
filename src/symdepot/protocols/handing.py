"""Lets others send a file that lies somewhere whole: the proxy, or the bucket.

Source: nginx, ngx_http_proxy_module, "X-Accel-Redirect"; what the proxy says of itself
in `X-Sendfile-Type` is after Rack::Sendfile.
"""

from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from symdepot.blobs import blob_paths
from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.project_files import Content
from symdepot.domain.errors import BlobMissing, StorageUnavailable
from symdepot.domain.ids import Checksum

_HEADER = "X-Accel-Redirect"
# Long enough for a client that asks for one part after the other at the same address.
_VALID_FOR = timedelta(minutes=15)


def is_possible(request: HttpRequest, content: Content) -> bool:
    """Say whether somebody else can answer this request with all of `content`.

    Only what is one chunk lies anywhere as it is. A proxy must say that it will fetch
    the file: whoever comes past it would take our empty answer for the file. An
    address that is signed for `GET` is good for nothing else.
    """
    if len(content.chunks) != 1:
        return False
    match settings.DOWNLOADS:
        case "accel":
            return request.headers.get("X-Sendfile-Type") == _HEADER
        case "redirect":
            return request.method == "GET"
        case _:
            return False


def handed_over(content: Content) -> HttpResponse:
    """Return an answer that says who has the bytes of `content`.

    Raises:
        BlobMissing: the bytes are gone; of a bucket, it is the bucket that says so.
        StorageUnavailable: the disk did not answer, or nothing can be signed.
    """
    [(chunk, _)] = content.chunks
    return _to_proxy(chunk) if settings.DOWNLOADS == "accel" else _to_bucket(chunk)


def _to_proxy(chunk: Checksum) -> HttpResponse:
    if chunk not in blob_store():
        raise BlobMissing(chunk)
    answer = HttpResponse(content_type="application/octet-stream")
    answer[_HEADER] = f"{settings.ACCEL_PREFIX}{blob_paths.place(chunk)}"
    return answer


def _to_bucket(chunk: Checksum) -> HttpResponse:
    url = blob_store().signed_url(chunk, valid_for=_VALID_FOR)
    if url is None:
        raise StorageUnavailable
    answer = HttpResponse(status=HTTPStatus.FOUND)
    answer["Location"] = url
    answer["Cache-Control"] = "no-store"
    return answer
