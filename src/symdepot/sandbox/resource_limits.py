"""Resource limits of children by file size, and the measurements behind them."""

import resource
from dataclasses import dataclass
from pathlib import Path

_MEBIBYTE = 1024**2
_MIN_MEMORY_BYTES = 512 * _MEBIBYTE
_MAX_MEMORY_BYTES = 2048 * _MEBIBYTE
MAX_RESULT_BYTES = 32 * _MEBIBYTE


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """The limits of one child.

    `memory_bytes` is what it may allocate, in addition to what it has mapped at its
    start and `mapped_bytes` for the file. `written_bytes` is the largest size of a file
    that it writes.
    """

    memory_bytes: int
    mapped_bytes: int
    cpu_seconds: int
    wall_seconds: float
    written_bytes: int = 0
    stack_bytes: int = 8 * _MEBIBYTE
    open_files: int = 16


def for_inspection(size_bytes: int) -> ResourceLimits:
    """Return the limits for inspecting a file.

    * Memory: symbolic maps the file and allocates 1 MiB for 77 MB of ELF with DWARF,
      nothing for 300 MB of Breakpad, and three times the unpacked size for the manifest
      of a source bundle. So four times the file, at least 512 MiB, and at most 2 GiB,
      so that the children of a few processes fit into a small machine.
    * CPU time: the slowest file, Breakpad with only `PUBLIC` records, is parsed at
      850 MB/s. A seventeenth of that, and 10 s for a slow, busy machine.
    * Wall clock: three times the CPU time, and time for a slow disk. The limit is for a
      child that sleeps, but one that waits for the disk looks the same.
    * Stack: the default of a main thread, however the server was started. With more,
      files would pass that overflow the stack of other programs.
    * Open files: response, stderr, the file, and a few for a panic's backtrace.

    >>> for_inspection(100).memory_bytes == 512 * 1024**2
    True
    """
    wanted_bytes = max(_MIN_MEMORY_BYTES, 4 * size_bytes)
    return ResourceLimits(
        memory_bytes=min(wanted_bytes, _MAX_MEMORY_BYTES),
        mapped_bytes=size_bytes,
        cpu_seconds=10 + size_bytes // 50_000_000,
        wall_seconds=30.0 + size_bytes / 20_000_000,
    )


def for_conversion(size_bytes: int, decompressed_bytes: int) -> ResourceLimits:
    """Return the limits for converting a file to a symcache.

    `decompressed_bytes` is the size that its compressed sections claim.

    * Memory: the peak was 1.9 times the file including the mapped file, and 4.6 times a
      file with compressed sections, which are decompressed in memory. So twice the
      decompressed size and 512 MiB, at most 8 GiB.
    * CPU time: ELF is converted at 50 MB/s, or 32 MB/s with compressed sections. A
      sixteenth of that, and a minute.
    * Wall clock: ten times the CPU time, since uploads have priority.
    * Output: symcaches have a quarter of the file's size. The whole file, and 64 MiB.

    >>> for_conversion(100, 0).memory_bytes == 512 * 1024**2 + 200
    True
    """
    unpacked_bytes = size_bytes + decompressed_bytes
    memory_bytes = _MIN_MEMORY_BYTES + 2 * unpacked_bytes
    cpu_seconds = 60 + unpacked_bytes // 2_000_000
    return ResourceLimits(
        memory_bytes=min(memory_bytes, 8192 * _MEBIBYTE),
        mapped_bytes=size_bytes,
        cpu_seconds=cpu_seconds,
        wall_seconds=10.0 * cpu_seconds,
        written_bytes=64 * _MEBIBYTE + unpacked_bytes,
    )


def for_mapping_query(size_bytes: int) -> ResourceLimits:
    """Return the limits for querying a mapping.

    * Memory: the subset needs memory for the queried classes; all of a mapping of
      100 MB took 10.5 times its size. At most 2 GiB.
    * CPU time: 100 MB were scanned in 0.2 s and parsed whole in 2.5 s; 100,000 frames
      took 5 s.
    * Wall clock: three times the CPU time, since a client waits.
    * Output: the subset is at most as large as the mapping, and the result of 100,000
      frames is 20 MB.

    >>> for_mapping_query(100).memory_bytes == 512 * 1024**2 + 1200
    True
    """
    wanted_bytes = _MIN_MEMORY_BYTES + 12 * size_bytes
    cpu_seconds = 20 + size_bytes // 10_000_000
    return ResourceLimits(
        memory_bytes=min(wanted_bytes, _MAX_MEMORY_BYTES),
        mapped_bytes=2 * size_bytes,
        cpu_seconds=cpu_seconds,
        wall_seconds=3.0 * cpu_seconds,
        written_bytes=max(2 * size_bytes, MAX_RESULT_BYTES),
    )


def for_extraction(packed_bytes: int) -> ResourceLimits:
    """Return the limits for extracting an archive.

    * Memory: the largest default dictionaries have 64 MiB (xz) and 128 MiB (zstd). So
      512 MiB for any archive.
    * CPU time: xz, the slowest compression in use, is read at 15 to 30 MB/s of packed
      data. A thirtieth of that, and a minute.
    * Wall clock: maximum time without output. No total limit, because the consumer may
      be slow.

    >>> for_extraction(1_000_000_000).cpu_seconds
    2060
    """
    return ResourceLimits(
        memory_bytes=_MIN_MEMORY_BYTES,
        mapped_bytes=0,
        cpu_seconds=60 + packed_bytes // 500_000,
        wall_seconds=300.0,
    )


def apply(limits: ResourceLimits) -> None:
    """Apply `limits` to this process for good, except for the wall clock."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    own_bytes = int(pages) * resource.getpagesize()
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, limits.written_bytes)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_STACK, limits.stack_bytes)
    # SIGXCPU comes at the soft limit, and is distinct from a kill from outside.
    _lower(resource.RLIMIT_CPU, limits.cpu_seconds, slack=1)
    address_space_bytes = own_bytes + limits.mapped_bytes + limits.memory_bytes
    _lower(resource.RLIMIT_AS, address_space_bytes)


def _lower(resource_id: int, limit: int, *, slack: int = 0) -> None:
    """Lower a limit of this process; a lower hard limit is kept."""
    _, hard = resource.getrlimit(resource_id)
    if hard == resource.RLIM_INFINITY:
        hard = limit + slack
    resource.setrlimit(resource_id, (min(limit, hard), min(limit + slack, hard)))
