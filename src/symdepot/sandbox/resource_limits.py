"""What a child that reads a stranger's file may use, and why each has its number."""

import resource
from dataclasses import dataclass
from pathlib import Path

_MEBIBYTE = 1024**2
_LEAST_MEMORY_BYTES = 512 * _MEBIBYTE
_MOST_MEMORY_BYTES = 2048 * _MEBIBYTE
_MEMORY_FOR_EACH_BYTE = 4

_CPU_SECONDS = 10
_BYTES_A_CPU_SECOND = 50_000_000

_WALL_SECONDS = 30.0
_BYTES_A_WALL_SECOND = 20_000_000

_CONVERSION_MEMORY_FOR_EACH_BYTE = 2
_MOST_CONVERSION_MEMORY_BYTES = 8192 * _MEBIBYTE
_CONVERSION_CPU_SECONDS = 60
_BYTES_A_CONVERSION_CPU_SECOND = 2_000_000
_CONVERSION_PATIENCE = 10
_LEAST_WRITTEN_BYTES = 64 * _MEBIBYTE

_QUESTIONING_MEMORY_FOR_EACH_BYTE = 12
_QUESTIONING_CPU_SECONDS = 20
_BYTES_A_QUESTIONING_CPU_SECOND = 10_000_000
_QUESTIONING_PATIENCE = 3
LONGEST_ANSWERS_BYTES = 32 * _MEBIBYTE

_UNPACKING_CPU_SECONDS = 60
_BYTES_AN_UNPACKING_CPU_SECOND = 500_000
_UNPACKING_SILENCE_SECONDS = 300.0

_STACK_BYTES = 8 * _MEBIBYTE
_OPEN_FILES = 16


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """What one child may use while it reads one file, and how much it may write.

    `memory_bytes` are for what it allocates: what it has mapped when it starts and
    `mapped_bytes`, the file itself, come on top.
    """

    memory_bytes: int
    mapped_bytes: int
    cpu_seconds: int
    wall_seconds: float
    written_bytes: int = 0
    stack_bytes: int = _STACK_BYTES
    open_files: int = _OPEN_FILES


def for_file(size_bytes: int) -> ResourceLimits:
    """Return the limits for a file of this size.

    * Memory: symbolic maps the file and allocates next to nothing, 1 MiB for 77 MB of
      ELF with DWARF, none for 300 MB of Breakpad; the manifest of a source bundle
      takes three times what it unpacks to. So four times the file, and for small
      files as much as only a hostile one wants; 2 GiB at most, so that the children
      of a few processes fit into a small machine together.
    * Processor time: the slowest file, a Breakpad one of `PUBLIC` records only, is
      read at 850 MB/s: a seventeenth of that, and 10 s for a slow, busy machine.
    * Wall clock: three times as much, and time for a slow disk: this limit is there
      for a child that sleeps, and one that waits for the disk looks the same.
    * Stack: what a main thread has by default, whatever the server was started with.
      More would let files pass that end whoever reads them next.
    * Open files: the answer, the words, the file, and a few for a panic's backtrace.

    >>> for_file(100).memory_bytes == 512 * 1024**2
    True
    """
    wanted_bytes = max(_LEAST_MEMORY_BYTES, _MEMORY_FOR_EACH_BYTE * size_bytes)
    return ResourceLimits(
        memory_bytes=min(wanted_bytes, _MOST_MEMORY_BYTES),
        mapped_bytes=size_bytes,
        cpu_seconds=_CPU_SECONDS + size_bytes // _BYTES_A_CPU_SECOND,
        wall_seconds=_WALL_SECONDS + size_bytes / _BYTES_A_WALL_SECOND,
    )


def for_conversion(size_bytes: int, promised_bytes: int) -> ResourceLimits:
    """Return the limits for making a symcache of a file.

    Its compressed sections say that they unpack to `promised_bytes`.

    * Memory: at its peak a conversion took 1.9 times the file, of which the mapped file
      is one; 4.6 times one with compressed sections, which are unpacked into memory.
      So twice what it is when unpacked, and 512 MiB; 8 GiB at most.
    * Processor time: 50 MB of ELF are converted in a second, 32 MB where sections are
      compressed. A sixteenth of that, and a minute.
    * Wall clock: ten times as much, since uploads go first on a busy machine.
    * What it writes: a quarter of the file, so as much as the file, and 64 MiB.

    >>> for_conversion(100, 0).memory_bytes == 512 * 1024**2 + 200
    True
    """
    unpacked_bytes = size_bytes + promised_bytes
    memory_bytes = (
        _LEAST_MEMORY_BYTES + _CONVERSION_MEMORY_FOR_EACH_BYTE * unpacked_bytes
    )
    cpu_seconds = _CONVERSION_CPU_SECONDS + (
        unpacked_bytes // _BYTES_A_CONVERSION_CPU_SECOND
    )
    return ResourceLimits(
        memory_bytes=min(memory_bytes, _MOST_CONVERSION_MEMORY_BYTES),
        mapped_bytes=size_bytes,
        cpu_seconds=cpu_seconds,
        wall_seconds=float(cpu_seconds * _CONVERSION_PATIENCE),
        written_bytes=_LEAST_WRITTEN_BYTES + unpacked_bytes,
    )


def for_mapping_query(size_bytes: int) -> ResourceLimits:
    """Return the limits for asking a mapping of this size for real names.

    * Memory: an excerpt takes what the classes take that are asked for, and all of a
      mapping of 100 MB took 10.5 times as much. 2 GiB at most.
    * Processor time: 100 MB were searched through in 0.2 s, and read as a whole in
      2.5 s; 100,000 frames took 5 s.
    * Wall clock: three times as much, since somebody waits.
    * What it writes: an excerpt is no larger than the mapping, and the answers to
      100,000 frames take 20 MB.

    >>> for_mapping_query(100).memory_bytes == 512 * 1024**2 + 1200
    True
    """
    wanted_bytes = _LEAST_MEMORY_BYTES + _QUESTIONING_MEMORY_FOR_EACH_BYTE * size_bytes
    cpu_seconds = _QUESTIONING_CPU_SECONDS + (
        size_bytes // _BYTES_A_QUESTIONING_CPU_SECOND
    )
    return ResourceLimits(
        memory_bytes=min(wanted_bytes, _MOST_MEMORY_BYTES),
        mapped_bytes=2 * size_bytes,
        cpu_seconds=cpu_seconds,
        wall_seconds=float(cpu_seconds * _QUESTIONING_PATIENCE),
        written_bytes=max(2 * size_bytes, LONGEST_ANSWERS_BYTES),
    )


def for_extraction(packed_bytes: int) -> ResourceLimits:
    """Return the limits for taking the files out of an archive.

    * Memory: the largest dictionaries that packers use by themselves have 64 MiB (xz)
      and 128 MiB (zstd). So 512 MiB, however large the archive.
    * Processor time: packages of xz, the slowest in use, are read at 15 to 30 MB/s,
      packed. A thirtieth of that, and a minute.
    * Wall clock: how long it may be silent. Who takes the files may take long, so the
      whole has no limit.

    >>> for_extraction(1_000_000_000).cpu_seconds
    2060
    """
    return ResourceLimits(
        memory_bytes=_LEAST_MEMORY_BYTES,
        mapped_bytes=0,
        cpu_seconds=_UNPACKING_CPU_SECONDS
        + packed_bytes // _BYTES_AN_UNPACKING_CPU_SECOND,
        wall_seconds=_UNPACKING_SILENCE_SECONDS,
    )


def apply(limits: ResourceLimits) -> None:
    """Bind this process to `limits`, for good. No file that it writes can grow larger.

    The wall clock is for somebody else to watch.
    """
    address_space_bytes = _mapped_bytes() + limits.mapped_bytes + limits.memory_bytes
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, limits.written_bytes)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_STACK, limits.stack_bytes)
    # The signal comes at the first limit, and can be told from other people's kills.
    _lower(resource.RLIMIT_CPU, limits.cpu_seconds, slack=1)
    _lower(resource.RLIMIT_AS, address_space_bytes)


def _mapped_bytes() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _lower(what: int, limit: int, *, slack: int = 0) -> None:
    """Lower a limit of this process; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY:
        hard = limit + slack
    resource.setrlimit(what, (min(limit, hard), min(limit + slack, hard)))
