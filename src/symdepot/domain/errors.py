"""Every way this system says no.

* SymdepotError
  + Refused                 the client's move: sending the same again will not help
    - Unauthenticated
    - NotAllowed
    - InvalidRequest
    - BodyTooLarge
    - ChecksumMismatch
    - ChunkTooLarge
    - TooManyChunks
    - RequestTooLarge
    - UnreadableEncoding
    - FileTooLarge
    - NotADebugFile
    - ParserDied
    - QuotaExceeded
    - AlreadyAssociated
  + Missing                 the client asked for something we do not have
    - OrganizationMissing
    - ProjectMissing
    - DebugFileMissing
    - MissingIdNotListed
    - ReleaseMissing
    - RequestMissing
    - ChunksMissing
    - BlobMissing
  + Unavailable             our move: the same may work in a moment
    - StorageUnavailable
    - BlobDamaged
    - SandboxUnavailable
    - LeaseLost
    - RateExceeded
    - Busy
    - InternalError

A new error is a leaf of this tree. What it looks like on the wire is for each
protocol's own `errors.py` to say; nothing here knows a status code.
"""

import math
from collections.abc import Sequence

from symdepot.domain import text_format
from symdepot.domain.ids import Checksum


class SymdepotError(Exception):
    """Base of every error that this system raises on purpose."""


class Refused(SymdepotError):
    """The client sent something we will not keep; sending it again will not help."""


class Unauthenticated(Refused):
    """Nobody we know is asking."""


class NotAllowed(Refused):
    """We know who asks, and this is not theirs to do; the text names what is missing."""


class InvalidRequest(Refused):
    """The request is not of the form that this door takes; the text says where."""


class BodyTooLarge(Refused):
    """The body of a request is larger than this door takes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The body of this request may have {text_format.format_size(limit_bytes)}."
        )


class ChecksumMismatch(Refused):
    """The bytes are not the bytes they were said to be."""

    def __init__(self, *, claimed: Checksum, actual: Checksum) -> None:
        super().__init__(f"content hashes to {actual}, not to {claimed}")
        self.claimed = claimed
        self.actual = actual


class ChunkTooLarge(Refused):
    """A chunk is larger, when decoded, than the size that was announced."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"a chunk may have {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class TooManyChunks(Refused):
    """A request carries more chunks than was announced."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a request may carry {limit} chunks")
        self.limit = limit


class RequestTooLarge(Refused):
    """The chunks of one request are larger together than was announced."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the chunks of a request may have {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class UnreadableEncoding(Refused):
    """A compressed part does not decompress."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Invalid {encoding} payload")
        self.encoding = encoding


class FileTooLarge(Refused):
    """A file is larger than any that we take."""

    def __init__(self, *, name: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"File {name} exceeds maximum size ({size_bytes} > {limit_bytes})"
        )
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class NotADebugFile(Refused):
    """Nobody could find anything by this file; the text says why."""


class ParserDied(Refused):
    """Reading the file ended the process that read it; the text says how."""


class QuotaExceeded(Refused):
    """An organization may not keep so much; `needed_bytes` is the least that is new."""

    def __init__(
        self,
        organization: str,
        *,
        used_bytes: int,
        quota_bytes: int,
        needed_bytes: int,
    ) -> None:
        super().__init__(
            f"Organization {organization!r} uses {text_format.format_size(used_bytes)} of its "
            f"quota of {text_format.format_size(quota_bytes)}, and this needs at least "
            f"{text_format.format_size(needed_bytes)} more. Delete debug files that are not "
            "needed, or ask whoever runs this server for more room."
        )
        self.used_bytes = used_bytes
        self.quota_bytes = quota_bytes
        self.needed_bytes = needed_bytes


class AlreadyAssociated(Refused):
    """A mapping is associated with a release of this name already."""

    def __init__(self) -> None:
        super().__init__(
            "Proguard artifact release with this name in this project already exists."
        )


class Missing(SymdepotError):
    """The client asked for something we do not have."""


class OrganizationMissing(Missing):
    """There is no such organization."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no organization {slug!r}.")
        self.slug = slug


class ProjectMissing(Missing):
    """There is no such project, or none that this client may see."""

    def __init__(self, *, organization: str, slug: str) -> None:
        super().__init__(
            f"There is no project {slug!r} in organization {organization!r} "
            "that this token may see."
        )
        self.organization = organization
        self.slug = slug


class DebugFileMissing(Missing):
    """There is no such debug file in this project."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no debug file {wanted!r} in this project.")
        self.wanted = wanted


class MissingIdNotListed(Missing):
    """Nobody waits for such an id in this project."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no wanted id {wanted!r} in this project.")
        self.wanted = wanted


class ReleaseMissing(Missing):
    """There is no such release, or none of a project that this client may see."""

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no release {version!r} that this token may see.")
        self.version = version


class RequestMissing(Missing):
    """There is no such request, or it has been answered for long, or is another's."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no request {wanted!r} that is being worked on.")
        self.wanted = wanted


class ChunksMissing(Missing):
    """A file cannot be assembled yet: some of its chunks never arrived."""

    def __init__(self, checksums: Sequence[Checksum]) -> None:
        super().__init__("Not all chunks available for assembling")
        self.checksums = checksums


class BlobMissing(Missing):
    """No bytes are kept under this checksum."""

    def __init__(self, checksum: Checksum) -> None:
        super().__init__(f"no bytes are kept under {checksum}")
        self.checksum = checksum


class Unavailable(SymdepotError):
    """We could not, this time; the same may work in `retry_after_seconds`."""

    retry_after_seconds: float = 1.0


class StorageUnavailable(Unavailable):
    """The disk or the bucket did not take or give bytes. The cause is for the log."""

    def __init__(self) -> None:
        super().__init__("The storage does not answer. Try again in a moment.")


class BlobDamaged(Unavailable):
    """Bytes that were kept no longer hash to their name; sending them again heals it."""

    def __init__(self, checksum: Checksum) -> None:
        super().__init__(
            f"chunk {checksum} is damaged in the storage; "
            "uploading the file again sends it anew"
        )
        self.checksum = checksum


class SandboxUnavailable(Unavailable):
    """The child process that reads strangers' files could not be had."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The file could not be inspected: {reason}")


class LeaseLost(Unavailable):
    """Somebody else has taken this work over, because we were silent for too long."""

    def __init__(self) -> None:
        super().__init__("the work was taken over by another worker")


class RateExceeded(Unavailable):
    """Somebody asks more often than he may; `retry_after_seconds` says when he may."""

    def __init__(self, a_minute: int, *, retry_after_seconds: float) -> None:
        super().__init__(
            f"That is more than {a_minute} requests in a minute. "
            f"Try again in {math.ceil(retry_after_seconds)} s."
        )
        self.retry_after_seconds = retry_after_seconds


class Busy(Unavailable):
    """As many are waiting for an answer as can wait."""

    def __init__(self) -> None:
        super().__init__("maximum number of concurrent requests reached")


class InternalError(Unavailable):
    """A fault of ours that nobody foresaw; what it was stands in the log."""

    def __init__(self) -> None:
        super().__init__("internal server error")
