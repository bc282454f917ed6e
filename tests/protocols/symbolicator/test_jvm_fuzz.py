"""No JVM request causes a server error."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import a_project
from tests.protocols.symbolicator.jvm_payloads import (
    BUNDLE_ID,
    MAPPING_ID,
    a_bundle_of,
    a_mapping_of,
    send,
)

from symdepot.protocols.symbolicator.jvm_schemas import JVM_ANSWER

pytestmark = pytest.mark.django_db

MAPPING = """\
com.example.Game -> a.a:
    1:4:void run():16:19 -> c
    5:5:void com.example.Inner.leaf(int):100:100 -> c
    5:5:void run():20 -> c
    void left(int) -> f
    void right(com.example.Game) -> f
"""
CLASSES = st.sampled_from(["a.a", "a", "com.example.Game", "", ".", "a.a$b", "ü"])
TEXT = st.text(max_size=20) | CLASSES
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)
FRAMES = st.fixed_dictionaries(
    {"module": CLASSES, "function": st.sampled_from("cf") | TEXT, "index": st.just(0)},
    optional={
        "lineno": st.integers(0, 2**32 - 1) | st.integers(0, 7) | st.none(),
        "filename": TEXT | st.none(),
        "abs_path": TEXT | st.none(),
        "in_app": st.booleans() | st.none(),
        "signature": st.from_regex(r"\(([ZBI]|\[*La/a;)*\)[VJ]") | TEXT | st.none(),
        "pre_context": st.lists(TEXT, max_size=2) | st.none(),
        "context_line": TEXT | st.none(),
        "method_synthesized": st.booleans() | st.none(),
    },
)
MODULES = st.fixed_dictionaries(
    {
        "uuid": st.sampled_from([MAPPING_ID, BUNDLE_ID]) | st.uuids().map(str),
        "type": st.sampled_from(["proguard", "source"]),
    }
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "apply_source_context": st.booleans(),
        "frame_order": st.sampled_from(["caller_first", "callee_first"]),
    },
)
RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "platform": TEXT | st.none(),
    "modules": st.lists(MODULES, max_size=4),
    "stacktraces": st.lists(
        st.fixed_dictionaries({"frames": st.lists(FRAMES, max_size=4)}), max_size=3
    ),
    "exceptions": st.lists(
        st.fixed_dictionaries({"type": TEXT, "module": TEXT}), max_size=3
    ),
    "classes": st.lists(TEXT, max_size=3),
    "release_package": TEXT | st.none(),
    "options": OPTIONS,
}
NEARLY = {key: JSON | strategy for key, strategy in RIGHT.items()}


def answered(body: object) -> int:
    project = a_project()
    a_mapping_of(project, MAPPING)
    a_bundle_of(project, {"~/com/example/Game.jvm": "line\n" * 30})
    answer = send(json.dumps(body))
    if answer.status_code == 200:
        told = JVM_ANSWER.validate_json(answer.content)
        asked = body.get("stacktraces", []) if isinstance(body, dict) else []
        assert len(told["stacktraces"]) == len(asked)
    else:
        assert answer.json().keys() == {"detail", "causes"}
    status: int = answer.status_code
    return status


@given(st.fixed_dictionaries({}, optional=RIGHT))
def test_every_valid_request_has_a_result(body: object) -> None:
    assert answered(body) == 200


@given(JSON | st.fixed_dictionaries({}, optional=NEARLY))
def test_any_json_causes_no_server_error(body: object) -> None:
    assert answered(body) in {200, 400, 422}
