"""Checksums, debug ids and code ids."""

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

_SHA1_HEX = re.compile(r"[0-9a-f]{40}").fullmatch
_HYPHENATED = re.compile(
    r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:-([0-9a-fA-F]{1,8}))?"
).fullmatch
_COMPACT = re.compile(r"([0-9a-fA-F]{32})([0-9a-fA-F]{1,8})?").fullmatch
_HEX = re.compile(r"[0-9a-f]+").fullmatch
_MAX_CODE_ID_DIGITS = 128
_UUID_DIGITS = 32


@dataclass(frozen=True, slots=True, order=True)
class Checksum:
    """The SHA-1 of some bytes, as 40 lowercase hex digits."""

    hex: str

    def __post_init__(self) -> None:
        if not _SHA1_HEX(self.hex):
            raise ValueError(f"not 40 lowercase hex digits: {self.hex!r}")

    @classmethod
    def of(cls, content: bytes) -> "Checksum":
        """Return the checksum of `content`.

        >>> str(Checksum.of(b"abc"))
        'a9993e364706816aba3e25717850c26c9cd0d89d'
        """
        return cls(hashlib.sha1(content, usedforsecurity=False).hexdigest())

    def __str__(self) -> str:
        return self.hex


@dataclass(frozen=True, slots=True)
class DebugId:
    """The id of a debug file in crash reports: UUID and age."""

    uuid: UUID
    age: int = 0

    @classmethod
    def parse(cls, text: str) -> "DebugId":
        """Parse a debug id: hyphenated, or Breakpad's hex digits.

        Raises:
            ValueError: `text` is not a debug id.

        Source: spec/sentry-server 2.11; the behaviour of symbolic's
        `normalize_debug_id`, which the tests compare with.

        >>> str(DebugId.parse("DFB8E43AF2423D73A453AEB6A777EF75A"))
        'dfb8e43a-f242-3d73-a453-aeb6a777ef75-a'
        """
        match = _HYPHENATED(text) or _COMPACT(text)
        if match is None:
            raise ValueError(f"not a debug id: {text!r}")
        return cls(UUID(match[1]), int(match[2] or "0", 16))

    @classmethod
    def parse_or_none(cls, text: str) -> "DebugId | None":
        """Parse a debug id; None for any other text."""
        try:
            return cls.parse(text)
        except ValueError:
            return None

    @classmethod
    def of_build_id(cls, build_id: "CodeId") -> "DebugId":
        """Return the debug id of the ELF file with this build id.

        Source: spec/serving 4.1: its first 16 bytes, as a little-endian GUID.

        >>> build_id = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
        >>> str(DebugId.of_build_id(build_id))
        'e45db8df-af2d-09fd-640c-8fe377d572de'
        """
        digits = build_id.hex[:_UUID_DIGITS].ljust(_UUID_DIGITS, "0")
        return cls(UUID(bytes_le=bytes.fromhex(digits)))

    @property
    def is_nil(self) -> bool:
        """Whether this is all zeros, the id of files without one."""
        return self.uuid.int == 0 and self.age == 0

    def __str__(self) -> str:
        return f"{self.uuid}-{self.age:x}" if self.age else str(self.uuid)


@dataclass(frozen=True, slots=True)
class CodeId:
    """The id of a program: ELF build id, Mach-O UUID, or PE time stamp and size."""

    hex: str

    def __post_init__(self) -> None:
        if len(self.hex) > _MAX_CODE_ID_DIGITS:
            raise ValueError(f"a code id of {len(self.hex)} digits")
        if not _HEX(self.hex):
            raise ValueError(f"not lowercase hex digits: {self.hex!r}")

    @classmethod
    def parse(cls, text: str) -> "CodeId":
        """Parse a code id, in lower or upper case.

        Raises:
            ValueError: `text` is not hexadecimal.

        >>> str(CodeId.parse("5AB380779000"))
        '5ab380779000'
        """
        return cls(text.lower())

    def __str__(self) -> str:
        return self.hex
