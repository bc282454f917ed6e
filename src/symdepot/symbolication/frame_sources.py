"""Source context of frames, read from source bundles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents, usage
from symdepot.debugfiles.finder import FileRecord
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import Missing, Refused, Unavailable
from symdepot.domain.formats.source_bundle import SourceBundle
from symdepot.domain.stacks import sources
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import ResolvedFrame
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import Line

_MAX_CHARACTERS = 256_000_000
"""Source text read for one request; later lines get no context."""
_log = structlog.get_logger(__name__)

type SourceLine = tuple[str, int]
"""A path as the compiler wrote it, and a line number."""


@dataclass(slots=True)
class BundleReader:
    """Reads source bundles, up to a number of characters for one request."""

    characters_left: int = _MAX_CHARACTERS

    def read(
        self, row: DebugFile | FileRecord, lines: Iterable[SourceLine]
    ) -> dict[SourceLine, SourceContext]:
        """Return the contexts of those of `lines` that the bundle has.

        A bundle that cannot be read has none.
        """
        numbers: dict[str, list[int]] = {}
        for path, number in lines:
            numbers.setdefault(path, []).append(number)
        if not numbers:
            return {}
        found: dict[SourceLine, SourceContext] = {}
        scratch = Path(settings.SCRATCH_DIR)
        try:
            content = contents.file_content(row)
            with contents.open_bundle(content, blob_store(), scratch) as bundle:
                for path, of_path in numbers.items():
                    text = self._split(bundle, path)
                    for number in of_path:
                        if context := sources.context_of_line(text, number):
                            found[path, number] = context
        except (Refused, Missing, Unavailable) as error:
            _log.warning("source_bundle.unreadable", row=row.pk, reason=str(error))
        return found

    def _split(self, bundle: SourceBundle, path: str) -> list[str]:
        text = bundle.source(path) if self.characters_left > 0 else None
        self.characters_left -= len(text or "")
        return sources.split_lines(text or "")


def add_sources(
    frames: Iterable[ResolvedFrame], modules: Mapping[int, FoundModule]
) -> tuple[dict[Line, SourceContext], dict[int, DebugFile]]:
    """Return context by line, and the source bundle that was used by module index.

    Bundles are tried best first; one that cannot be read is skipped.
    """
    contexts: dict[Line, SourceContext] = {}
    bundles: dict[int, DebugFile] = {}
    used: list[DebugFile] = []
    reader = BundleReader()
    for module, lines in _requested_lines(frames, modules).items():
        for row in modules[module].bundles:
            left = [line for line in lines if (module, *line) not in contexts]
            if found := reader.read(row, left):
                bundles.setdefault(module, row)
                used.append(row)
            contexts |= {(module, *line): context for line, context in found.items()}
    usage.mark_all_used(used)
    return contexts, bundles


def _requested_lines(
    frames: Iterable[ResolvedFrame], modules: Mapping[int, FoundModule]
) -> dict[int, dict[SourceLine, None]]:
    """Return the lines of `frames` by module, for modules that have bundles."""
    lines: dict[int, dict[SourceLine, None]] = {
        index: {} for index, module in modules.items() if module.bundles
    }
    for frame in frames if lines else ():
        symbol = frame.symbol
        if symbol is not None and symbol.line and frame.module in lines:
            lines[frame.module][symbol.path, symbol.line] = None
    return lines
