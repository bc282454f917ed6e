"""Text of JVM stack traces: frame and exception lines, signatures, source file names.

Source: `Throwable.printStackTrace` and `StackTraceElement.toString` of the JDK; the JVM
specification, 4.3.3, "Method Descriptors".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MAX_LINE_LENGTH = 4096
"""Longer lines and signatures are not parsed."""

_FRAME = re.compile(
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

_BASE_TYPES = {
    "Z": "boolean",
    "B": "byte",
    "C": "char",
    "S": "short",
    "I": "int",
    "J": "long",
    "F": "float",
    "D": "double",
    "V": "void",
}
_TYPE = r"\[*(?:[ZBCSIJFD]|L[^;\[()]+;)"
_parse = re.compile(rf"\(((?:{_TYPE})*)\)(V|{_TYPE})").fullmatch
_types = re.compile(_TYPE).findall
_class_names_in = re.compile(r"L([^;\[()]+);").findall


class JavaFrame(NamedTuple):
    """A method of a class, its file, and the line; 0 if unknown."""

    class_name: str
    method: str
    file: str | None
    line: int


@dataclass(frozen=True, slots=True)
class FrameLine:
    """A line with a frame, and the text `before` (with the `at `) and `after` it."""

    before: str
    frame: JavaFrame
    after: str

    def with_frame(self, frame: JavaFrame) -> str:
        """Return the line with another frame."""
        old_file = self.frame.file or ""
        file = frame.file or old_file
        if not frame.file and old_file != "Native Method":
            file = source_file(frame.class_name, like=old_file)
        if frame.line and file not in _NO_LINE:
            file = f"{file}:{frame.line}"
        return f"{self.before}{frame.class_name}.{frame.method}({file}){self.after}"


@dataclass(frozen=True, slots=True)
class ExceptionLine:
    """A line with an exception, and the text before and after its class."""

    before: str
    class_name: str
    after: str


def source_file(class_name: str, *, like: str) -> str:
    """Derive the source file from the class name, as R8's retrace does.

    >>> source_file("com.example.Main$Inner", like="SourceFile")
    'Main.java'
    >>> source_file("com.example.Main", like="Other.kt")
    'Main.kt'
    """
    simple = class_name.rpartition(".")[2]
    extension = ".kt" if like.endswith(".kt") else ".java"
    return (simple.partition("$")[0] or simple) + extension


def r8_map_ids(text: str) -> set[str]:
    """Return the mapping ids that R8 wrote into stack traces in place of files.

    >>> r8_map_ids("at a.a.c(r8-map-id-5b46fdcabc:5)")
    {'5b46fdcabc'}
    """
    return set(_r8_map_ids(text))


def parse_frame_line(line: str) -> FrameLine | None:
    """Parse a line with a frame, after any text before its `at`; None for other lines.

    >>> parse_frame_line("E/App: at app//a.b.c(SourceFile:7)").frame
    JavaFrame(class_name='a.b', method='c', file='SourceFile', line=7)
    """
    before, at, rest = line.rpartition("at ")
    if not at or len(line) > MAX_LINE_LENGTH or before[-1:].strip():
        return None
    found = _FRAME(rest)
    if found is None:
        return None
    module, class_name, method, file, line_number, after = found.groups()
    frame = JavaFrame(class_name, method, file or None, int(line_number or 0))
    return FrameLine(f"{before}at {module}", frame, after)


def parse_exception_line(line: str, following: str) -> ExceptionLine | None:
    """Parse a line with an exception; None for other lines.

    A class without package could be any word: it counts only if a frame is `following`.
    """
    found = _EXCEPTION(line) if len(line) <= MAX_LINE_LENGTH else None
    if found is None:
        return None
    is_marked = found["before"] or "." in found["class"]
    is_exception = is_marked or parse_frame_line(following) is not None
    return ExceptionLine(*found.groups()) if is_exception else None


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of a method's parameters and result, in Java's terms."""

    parameters: tuple[str, ...]
    returns: str

    def __str__(self) -> str:
        """Return the readable form; `void` results are left out.

        Source: rust-proguard/src/java.rs, `format_signature`.
        """
        parameters = f"({', '.join(self.parameters)})"
        return parameters if self.returns == "void" else f"{parameters}: {self.returns}"


def class_names(signature: str) -> list[str]:
    """Return the class names in a signature; none if `signature` is not one.

    >>> class_names("(ILa/b;[La/b$c;)V")
    ['a.b', 'a.b$c']
    """
    names = _class_names_in(signature) if _parse_signature(signature) else []
    return [name.replace("/", ".") for name in names]


def readable_signature(
    text: str, class_name: Callable[[str], str | None] = lambda _: None
) -> Signature | None:
    """Parse a JVM signature; `class_name` returns the original name of a class.

    >>> str(readable_signature("(I[[La/b;)[J", {"a.b": "com.example.Main"}.get))
    '(int, com.example.Main[][]): long[]'
    >>> str(readable_signature("()V")), readable_signature("main")
    ('()', None)
    """
    parsed = _parse_signature(text)
    if parsed is None:
        return None
    types = [*_types(parsed[1]), parsed[2]]
    *parameters, returned = [_readable_type(each, class_name) for each in types]
    return Signature(tuple(parameters), returned)


def bundle_path(class_name: str, file: str | None) -> str:
    """Return the path of a class's source file in a source bundle.

    A stack trace has only the class and perhaps the file name, so the package is taken
    as the folder. The language is unknown, so bundles use the extension `.jvm`.

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


def _parse_signature(text: str) -> re.Match[str] | None:
    return _parse(text) if len(text) <= MAX_LINE_LENGTH else None


def _readable_type(descriptor: str, class_name: Callable[[str], str | None]) -> str:
    element = descriptor.lstrip("[")
    dimensions = "[]" * (len(descriptor) - len(element))
    if element in _BASE_TYPES:
        return _BASE_TYPES[element] + dimensions
    name = element[1:-1].replace("/", ".")
    return (class_name(name) or name) + dimensions
