"""The lines of a stack trace as the JVM and Android print it.

Source: `Throwable.printStackTrace` and `StackTraceElement.toString` of the JDK.

Signatures of methods as the JVM writes them, and as people read them.

Source: the JVM specification, 4.3.3, "Method Descriptors".

Where the sources of a program for the JVM stand in a source bundle.
"""

import re
from collections.abc import Callable
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


def parse_frame_line(line: str) -> FrameLine | None:
    """Read a line with a frame, whatever stands before its `at`; None for any other.

    >>> parse_frame_line("E/App: at app//a.b.c(SourceFile:7)").frame
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


def parse_exception_line(line: str, following: str) -> ExceptionLine | None:
    """Read a line that names an exception; None for any other.

    A name of one word may be any word: it counts only if a frame is `following`.
    """
    if len(line) > LENGTH_LIMIT:
        return None
    found = _EXCEPTION(line)
    if found is None:
        return None
    is_marked = bool(found["before"]) or "." in found["class"]
    if not is_marked and parse_frame_line(following) is None:
        return None
    return ExceptionLine(found["before"], found["class"], found["rest"])


_BASE_TYPES = {
    "Z": "boolean",
    "B": "byte",
    "C": "char",
    "S": "short",
    "I": "int",
    "J": "long",
    "F": "float",
    "D": "double",
}
_LENGTH_LIMIT = 4096
_TYPE = r"\[*(?:[ZBCSIJFD]|L[^;\[()]+;)"
_parse = re.compile(rf"\(((?:{_TYPE})*)\)(V|{_TYPE})").fullmatch
_types = re.compile(_TYPE).findall
_class_names = re.compile(r"L([^;\[()]+);").findall


@dataclass(frozen=True, slots=True)
class Signature:
    """What a method takes and returns, as types of Java."""

    parameters: tuple[str, ...]
    returns: str

    def __str__(self) -> str:
        """Return it as people read it; that nothing is returned is not said.

        Source: rust-proguard/src/java.rs, `format_signature`.
        """
        taken = f"({', '.join(self.parameters)})"
        return taken if self.returns == "void" else f"{taken}: {self.returns}"


def class_names(signature: str) -> list[str]:
    """Return the names of the classes in a signature; none if it is not one.

    >>> class_names("(ILa/b;[La/b$c;)V")
    ['a.b', 'a.b$c']
    """
    if not _is_signature(signature):
        return []
    return [name.replace("/", ".") for name in _class_names(signature)]


def readable_signature(
    text: str, class_name: Callable[[str], str | None] = lambda _: None
) -> Signature | None:
    """Read a signature, its classes under the names that `class_name` knows for them.

    >>> str(readable_signature("(I[[La/b;)[J", {"a.b": "com.example.Main"}.get))
    '(int, com.example.Main[][]): long[]'
    >>> str(readable_signature("()V")), readable_signature("main")
    ('()', None)
    """
    if not _is_signature(text):
        return None
    taken, _, returned = text[1:].partition(")")
    return Signature(
        tuple(_spoken(each, class_name) for each in _types(taken)),
        "void" if returned == "V" else _spoken(returned, class_name),
    )


def _is_signature(text: str) -> bool:
    return len(text) <= _LENGTH_LIMIT and _parse(text) is not None


def _spoken(kind: str, class_name: Callable[[str], str | None]) -> str:
    element = kind.lstrip("[")
    dimensions = "[]" * (len(kind) - len(element))
    if element in _BASE_TYPES:
        return _BASE_TYPES[element] + dimensions
    name = element[1:-1].replace("/", ".")
    return (class_name(name) or name) + dimensions


def bundle_path(class_name: str, file: str | None) -> str:
    """Return the name, in a bundle, of the source in which a class is.

    Whoever bundles knows folders and files, and a stack trace only the class and the
    name of the file, if it is one: the package is taken for the folder. Which language
    it is nobody can tell from a class, so each name ends in `.jvm`.

    Source: spec/serving 4.6; symbolicator-proguard, `build_source_file_name`.

    >>> bundle_path("com.example.Main$Inner", "SourceFile")
    '~/com/example/Main.jvm'
    >>> bundle_path("com.example.MainKt", "Main.kt"), bundle_path("Main", None)
    ('~/com/example/Main.jvm', '~/Main.jvm')
    """
    package, _, simple = class_name.rpartition(".")
    stem = (file or "").rpartition("/")[2].rpartition(".")[0]
    if not stem or "$" in stem:
        stem = simple.partition("$")[0]
    folders = [*package.split("."), stem] if package else [stem]
    return f"~/{'/'.join(folders)}.jvm"
