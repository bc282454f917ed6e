"""Rules for modules that no linter can limit to a package."""

import ast
from collections import defaultdict
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "symdepot"
DOORS = ("protocols/",)
ONLY_IN = {
    "django.http": (*DOORS, "server/"),
    "django.urls": (*DOORS, "server/"),
    "import_string": ("server/", "blobs/configured.py"),
}
TINY_LINES = 50
MAX_TINY_MODULES = 15
# Python and Django look for these, however short they are.
NAMED_BY_FRAMEWORKS = {"__init__.py", "__main__.py", "models.py", "wsgi.py"}
MAX_DOMAIN_ENTRIES = 12
NEVER_IN_DOORS = (".objects", "get_object_or_404", "transaction.", ".cursor(")


@cache
def trees() -> dict[str, ast.Module]:
    """Return each module of the package, by its path, without migrations."""
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text())
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
    }


@cache
def modules() -> dict[str, str]:
    """Return the code of each module, without comments and docstrings."""
    return {name: code(tree) for name, tree in trees().items()}


def code(tree: ast.Module) -> str:
    tree = deepcopy(tree)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                statement
                for statement in body
                if not (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                )
            ]
    # A module of the domain has the name that Django gives its managers.
    return ast.unparse(tree).replace("symdepot.domain.objects", "symdepot.domain")


def containing(word: str) -> set[str]:
    return {name for name, source in modules().items() if word in source}


@pytest.mark.parametrize("word", ONLY_IN)
def test_a_name_is_used_only_in_its_packages(word: str) -> None:
    assert {
        name for name in containing(word) if not name.startswith(ONLY_IN[word])
    } == set()


@pytest.mark.parametrize("word", NEVER_IN_DOORS)
def test_protocols_never_query(word: str) -> None:
    assert {name for name in containing(word) if name.startswith(DOORS)} == set()


def test_no_two_classes_have_the_same_name() -> None:
    places = defaultdict(list)
    for name, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)

    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_few_modules_are_tiny() -> None:
    tiny = [
        name
        for path in PACKAGE.rglob("*.py")
        if (name := str(path.relative_to(PACKAGE))) in trees()
        and path.name not in NAMED_BY_FRAMEWORKS
        and len(path.read_text().splitlines()) <= TINY_LINES
    ]

    assert len(tiny) <= MAX_TINY_MODULES, tiny


def test_the_domain_is_grouped_by_subject() -> None:
    entries = {path.name for path in (PACKAGE / "domain").iterdir()}

    assert len(entries - {"__init__.py", "__pycache__"}) <= MAX_DOMAIN_ENTRIES
