"""Signatures of methods as the JVM writes them, and as people read them.

Source: the JVM specification, 4.3.3, "Method Descriptors".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

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


def signature(
    text: str, class_name: Callable[[str], str | None] = lambda _: None
) -> Signature | None:
    """Read a signature, its classes under the names that `class_name` knows for them.

    >>> str(signature("(I[[La/b;)[J", {"a.b": "com.example.Main"}.get))
    '(int, com.example.Main[][]): long[]'
    >>> str(signature("()V")), signature("main")
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
