"""Every error that this system raises on purpose.

* SymdepotError
  + Refused                 the client must change the request; a retry will not help
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
  + Missing                 the requested thing does not exist
    - OrganizationMissing
    - ProjectMissing
    - DebugFileMissing
    - MissingIdNotListed
    - ReleaseMissing
    - RequestMissing
    - ChunksMissing
    - BlobMissing
    - ContentDamaged
  + Unavailable             our fault: a retry may succeed
    - StorageUnavailable
      - WrongStore
    - BlobDamaged
    - SandboxUnavailable
    - LeaseLost
    - RateExceeded
    - Busy
    - InternalError

New errors are leaves of this tree. Status codes and wire formats are in the `errors.py` of
each protocol.
"""

import math

from symdepot.domain.ids import Checksum
from symdepot.domain.text_format import format_size


class SymdepotError(Exception):
    """Base of every error that this system raises on purpose."""

    text = ""
    """Used if the error is raised without one."""

    def __str__(self) -> str:
        return super().__str__() or self.text


class Refused(SymdepotError):
    """The client must change the request; a retry will not help."""


class Unauthenticated(Refused):
    """The request has no valid token."""


class NotAllowed(Refused):
    """The token lacks a scope or access; the text names what is missing."""


class InvalidRequest(Refused):
    """The request is malformed; the text says where."""


class BodyTooLarge(Refused):
    """The body of a request exceeds the limit of its endpoint."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The body of this request may have {format_size(limit_bytes)}."
        )


class ChecksumMismatch(Refused):
    """The content does not hash to the claimed checksum."""

    def __init__(self, *, claimed: Checksum, actual: Checksum) -> None:
        super().__init__(f"content hashes to {actual}, not to {claimed}")
        self.claimed = claimed
        self.actual = actual


class ChunkTooLarge(Refused):
    """A decoded chunk is larger than the announced limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"a chunk may have {limit_bytes} bytes")


class TooManyChunks(Refused):
    """A request has more chunks than the announced limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a request may carry {limit} chunks")


class RequestTooLarge(Refused):
    """The chunks of a request together exceed the announced limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the chunks of a request may have {limit_bytes} bytes")


class UnreadableEncoding(Refused):
    """A compressed part does not decompress."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Invalid {encoding} payload")


class FileTooLarge(Refused):
    """A file is larger than the maximum size."""

    def __init__(self, *, name: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"File {name} exceeds maximum size ({size_bytes} > {limit_bytes})"
        )


class NotADebugFile(Refused):
    """The file is malformed, or of no use for lookups; the text says why."""


class ParserDied(Refused):
    """Parsing the file crashed the parser process; the text says how."""


class QuotaExceeded(Refused):
    """The quota of an organization is exceeded.

    `needed_bytes`: minimum size of the new content.
    """

    def __init__(
        self, organization: str, *, used_bytes: int, quota_bytes: int, needed_bytes: int
    ) -> None:
        used, quota, needed = map(format_size, (used_bytes, quota_bytes, needed_bytes))
        super().__init__(
            f"Organization {organization!r} uses {used} of its quota of {quota}, and "
            f"this needs at least {needed} more. Delete debug files that are not needed, "
            "or ask whoever runs this server for more room."
        )


class AlreadyAssociated(Refused):
    """A mapping is already associated with a release of this name."""

    text = "Proguard artifact release with this name in this project already exists."


class Missing(SymdepotError):
    """The requested thing does not exist."""


class OrganizationMissing(Missing):
    """There is no such organization."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no organization {slug!r}.")


class ProjectMissing(Missing):
    """There is no such project, or none that this client may see."""

    def __init__(self, *, organization: str, slug: str) -> None:
        super().__init__(
            f"There is no project {slug!r} in organization {organization!r} "
            "that this token may see."
        )


class DebugFileMissing(Missing):
    """There is no such debug file in this project."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no debug file {wanted!r} in this project.")


class MissingIdNotListed(Missing):
    """The id is not among the missing ids of this project."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no wanted id {wanted!r} in this project.")


class ReleaseMissing(Missing):
    """There is no such release, or none of a project that this client may see."""

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no release {version!r} that this token may see.")


class RequestMissing(Missing):
    """There is no such pending request, or it has expired, or is of another caller."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no request {wanted!r} that is being worked on.")


class ChunksMissing(Missing):
    """A file cannot be assembled yet: some of its chunks are missing."""

    text = "Not all chunks available for assembling"


class BlobMissing(Missing):
    """There is no blob of this checksum."""

    def __init__(self, checksum: Checksum) -> None:
        super().__init__(f"no bytes are kept under {checksum}")
        self.checksum = checksum


class ContentDamaged(Missing):
    """A file is not served, because its stored bytes are damaged or gone."""

    def __init__(self, checksum: Checksum) -> None:
        super().__init__(
            f"The stored bytes of this file are damaged or gone ({checksum}). "
            "Upload it again to repair it."
        )


class Unavailable(SymdepotError):
    """The request failed for now; retry after `retry_after_seconds`."""

    retry_after_seconds: float = 1.0


class StorageUnavailable(Unavailable):
    """The disk or bucket failed. `__cause__` is for the log."""

    text = "The storage does not answer. Try again in a moment."


class WrongStore(StorageUnavailable):
    """The disk or bucket is not the one of this database; nothing is read or written.

    Each id is None if there is none.
    """

    def __init__(self, *, expected: str | None, found: str | None) -> None:
        if found is None:
            problem = "has no id: its disk is not mounted, or it is another one"
        else:
            problem = f"has the id {found}, and the database knows {expected}"
        super().__init__(
            f"The storage is not the one of this database: it {problem}. Nothing is "
            "read or written until the right one is back."
        )
        self.expected = expected
        self.found = found


class BlobDamaged(Unavailable):
    """A blob no longer hashes to its checksum; uploading it again repairs it."""

    def __init__(self, checksum: Checksum) -> None:
        super().__init__(
            f"chunk {checksum} is damaged in the storage; "
            "uploading the file again sends it anew"
        )
        self.checksum = checksum


class SandboxUnavailable(Unavailable):
    """The sandbox could not start, or failed for reasons other than the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The file could not be inspected: {reason}")


class LeaseLost(Unavailable):
    """Another worker has taken over: the lease expired."""

    text = "the work was taken over by another worker"


class RateExceeded(Unavailable):
    """A caller has exceeded its rate limit."""

    def __init__(self, a_minute: int, *, retry_after_seconds: float) -> None:
        super().__init__(
            f"That is more than {a_minute} requests in a minute. "
            f"Try again in {math.ceil(retry_after_seconds)} s."
        )
        self.retry_after_seconds = retry_after_seconds


class Busy(Unavailable):
    """The maximum number of requests are waiting already."""

    text = "maximum number of concurrent requests reached"


class InternalError(Unavailable):
    """An unexpected exception; details are in the log."""

    text = "internal server error"
