"""Has strangers' mappings asked for real names."""

import atexit
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from symdepot.domain.errors import NotADebugFile, SandboxUnavailable
from symdepot.domain.jvm.mapping_query import Answers, Questions
from symdepot.sandbox import limits, messages, papers, warm
from symdepot.sandbox.limits import Limits
from symdepot.sandbox.warm import WarmProcess


def ask(mapping: Path, asked: Questions, paper: Path) -> Answers:
    """Ask the mapping at `mapping`; `paper` is a file that exists, to write on.

    It is read in a child process with limits. One mapping at a time; others wait: 10 ms,
    and 0.2 s for 100 MB.

    Raises:
        NotADebugFile: it cannot be read as one, or answers without end.
        ParserDied: reading it ended the child, and would again.
        SandboxUnavailable: there was no child to read it, or the file cannot be read;
            worth a retry.
    """
    return _OF_THIS_PROCESS.ask_mapping(mapping, asked, paper)


class Retracer(WarmProcess):
    """Has mappings asked in children of one warm process, which starts when needed."""

    def __init__(
        self,
        *,
        zygote: Sequence[str] = warm.ZYGOTE,
        limits_for: Callable[[int], Limits] = limits.for_questioning,
    ) -> None:
        super().__init__(zygote)
        self._limits_for = limits_for

    def ask_mapping(self, mapping: Path, asked: Questions, paper: Path) -> Answers:
        """Do what `retracing.ask` does."""
        try:
            allowed = self._limits_for(mapping.stat().st_size)
            paper.write_bytes(papers.from_questions(asked))
        except OSError as e:
            raise SandboxUnavailable("it cannot be read") from e
        request = {
            "path": messages.from_path(mapping),
            "name": mapping.name,
            "limits": dataclasses.asdict(allowed),
            "errand": {"paper": messages.from_path(paper)},
        }
        match self.ask(request, allowed.wall_seconds):
            case {"answered": True}:
                return _answers(asked, paper)
            case {"refused": str(text)}:
                raise NotADebugFile(text)
            case _:
                raise warm.nonsense()


def _answers(asked: Questions, paper: Path) -> Answers:
    try:
        with paper.open("rb") as file:
            said = file.read(limits.LONGEST_ANSWERS_BYTES + 1)
    except OSError as e:
        raise SandboxUnavailable("its answers cannot be read") from e
    if len(said) > limits.LONGEST_ANSWERS_BYTES:
        raise NotADebugFile("This mapping answers without end.")
    try:
        return papers.to_answers(asked, said)
    except messages.Garbled as e:
        raise warm.nonsense() from e


_OF_THIS_PROCESS = Retracer()
atexit.register(_OF_THIS_PROCESS.close)
