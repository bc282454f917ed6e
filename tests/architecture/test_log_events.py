"""Log events are stable keys, and docs/operations.md lists them all."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text())
    for path in sorted((ROOT / "src").rglob("*.py"))
}
LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
}
KEY = re.compile(r"[a-z_]+\.[a-z_]+").fullmatch
LOGGERS = {"log", "_log", "logger", "_logger"}


class LogCall(NamedTuple):
    where: str
    levels: frozenset[str]
    events: tuple[str, ...]


def levels_of(tree: ast.Module, function: ast.expr) -> frozenset[str]:
    """Return the levels that a call of `function` may log at; empty: not a log call."""
    match function:
        case ast.Attribute(ast.Name(logger), level) if logger in LOGGERS:
            return frozenset({LEVELS[level]} if level in LEVELS else ())
        case ast.IfExp():
            body = levels_of(tree, function.body)
            return body | levels_of(tree, function.orelse)
        case ast.Name(name) if name in LOGGERS:
            values = [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Assign)
                and [ast.unparse(target) for target in node.targets] == [name]
            ]
            return frozenset().union(*(levels_of(tree, value) for value in values))
    return frozenset()


def keyword_values(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield the literals that the calls of a module pass as the keyword `name`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg == name
            and isinstance(node.value, ast.Constant)
        ):
            yield str(node.value.value)


def events_of(tree: ast.Module, event: ast.expr) -> tuple[str, ...]:
    """Return the event of a log call: a literal, or a parameter that is given as one."""
    match event:
        case ast.Constant(str(text)):
            return (text,)
        case ast.Name(name):
            return tuple(keyword_values(tree, name))
    return ()


def log_calls() -> Iterator[LogCall]:
    for file, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (levels := levels_of(tree, node.func)):
                where = f"{file}:{node.lineno}"
                assert len(node.args) == 1, f"{where}: an event, and fields by keyword"
                yield LogCall(where, levels, events_of(tree, node.args[0]))


def documented() -> dict[str, str]:
    """Return the levels of the events, as the table of the docs has them."""
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.split("\n## Log events\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE))


def test_every_event_is_a_key_of_a_noun_and_a_verb() -> None:
    wrong = {
        call.where: call.events
        for call in log_calls()
        if not call.events or not all(map(KEY, call.events))
    }

    assert wrong == {}


def test_the_docs_list_every_event_with_its_level_in_order() -> None:
    table = documented()
    logged = {event for call in log_calls() for event in call.events}
    levels = {
        (event, level)
        for call in log_calls()
        for event in call.events
        for level in call.levels
    }

    assert set(table) == logged
    assert list(table) == sorted(table)
    assert {(e, level) for e, level in levels if level not in table[e]} == set()


def test_only_structlog_is_used_for_logging() -> None:
    """The standard library only has its levels and handlers set."""
    importing = {
        file
        for file, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        and any(name.name.partition(".")[0] == "logging" for name in node.names)
    }

    assert importing == {
        "src/symdepot/server/logs.py",
        "src/symdepot/server/task_worker.py",
    }
