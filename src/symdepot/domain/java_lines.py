"""The lines of a stack trace as the JVM and Android print it.

Source: `Throwable.printStackTrace` and `StackTraceElement.toString` of the JDK.
"""

import re
from dataclasses import dataclass

LENGTH_LIMIT = 4096
"""No line that is longer is taken for one of a stack trace."""

_PLACE = re.compile(
    r"(?P<module>(?:[^\s/()]*/)*)(?P<class>[^\s()/]+)\.(?P<method>[^\s()./]+)"
    r"\((?P<file>[^():]*)(?::(?P<line>[0-9]{1,9}))?\)(?P<rest>.*)"
).fullmatch
_EXCEPTION = re.compile(
    r"(?P<before>(?:.*?(?:Caused by: |Suppressed: |Exception in thread \"[^\"]*\" )"
    r"|FATAL EXCEPTION: |(?:[VDIWEF]/)?AndroidRuntime(?:\( *[0-9]+\))?: )?)"
    r"(?P<class>[^\W\d][\w$-]*(?:\.[\w$-]+)*)(?P<rest>:.*|\r?)"
).fullmatch
_r8_map_ids = re.compile(r"\br8-map-id-([0-9a-f]{7,64})\b").findall
_NO_LINE = frozenset({"Native Method", "Unknown Source"})


@dataclass(frozen=True, slots=True)
class JavaFrame:
    """A method of a class, and a line of the file it is in; 0 where it is not known."""

    class_name: str
    method: str
    file: str | None
    line: int


@dataclass(frozen=True, slots=True)
class FrameLine:
    """A line with a frame: `before`, such as `at `, the frame, and what comes after."""

    before: str
    frame: JavaFrame
    after: str

    def of(self, frame: JavaFrame) -> str:
        """Return the same line, of another frame."""
        said = self.frame.file or ""
        where = frame.file or said
        if not frame.file and said != "Native Method":
            where = source_file(frame.class_name, like=said)
        if frame.line and where not in _NO_LINE:
            where = f"{where}:{frame.line}"
        return f"{self.before}{frame.class_name}.{frame.method}({where}){self.after}"


@dataclass(frozen=True, slots=True)
class ExceptionLine:
    """A line that names an exception, between what comes before and after."""

    before: str
    class_name: str
    after: str

    def of(self, class_name: str) -> str:
        """Return the same line, of another exception."""
        return f"{self.before}{class_name}{self.after}"


def source_file(class_name: str, *, like: str) -> str:
    """Return the file that a class is in, by its name, as R8's retrace does.

    >>> source_file("com.example.Main$Inner", like="SourceFile")
    'Main.java'
    >>> source_file("com.example.Main", like="Other.kt")
    'Main.kt'
    """
    simple = class_name.rpartition(".")[2]
    return (simple.partition("$")[0] or simple) + (
        ".kt" if like.endswith(".kt") else ".java"
    )


def r8_map_ids(text: str) -> set[str]:
    """Return the ids of mappings that R8 wrote into stack traces, in place of files.

    >>> r8_map_ids("at a.a.c(r8-map-id-5b46fdcabc:5)")
    {'5b46fdcabc'}
    """
    return set(_r8_map_ids(text))


def frame_line(line: str) -> FrameLine | None:
    """Read a line with a frame, whatever stands before its `at`; None for any other.

    >>> frame_line("E/App: at app//a.b.c(SourceFile:7)").frame
    JavaFrame(class_name='a.b', method='c', file='SourceFile', line=7)
    """
    before, at, place = line.rpartition("at ")
    if not at or len(line) > LENGTH_LIMIT or before[-1:].strip():
        return None
    found = _PLACE(place.removesuffix("\r"))
    if found is None:
        return None
    end = "\r" if place.endswith("\r") else ""
    frame = JavaFrame(
        found["class"], found["method"], found["file"] or None, int(found["line"] or 0)
    )
    return FrameLine(f"{before}at {found['module']}", frame, found["rest"] + end)


def exception_line(line: str, following: str) -> ExceptionLine | None:
    """Read a line that names an exception; None for any other.

    A name of one word may be any word: it counts only if a frame is `following`.
    """
    if len(line) > LENGTH_LIMIT:
        return None
    found = _EXCEPTION(line)
    if found is None:
        return None
    is_marked = bool(found["before"]) or "." in found["class"]
    if not is_marked and frame_line(following) is None:
        return None
    return ExceptionLine(found["before"], found["class"], found["rest"])
