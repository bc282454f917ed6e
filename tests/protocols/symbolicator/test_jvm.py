"""POST /symbolicate-jvm: request and response."""

import json
from typing import Any

import pytest
from django.test import Client
from tests.factories import a_client, a_project
from tests.protocols.symbolicator.jvm_payloads import (
    BUNDLE_ID,
    MAPPING_ID,
    a_bundle_of,
    a_frame,
    a_mapping_of,
    modules,
    retraced,
    send,
)

from symdepot.debugfiles.models import WantedId
from symdepot.projects import organizations, tokens

pytestmark = pytest.mark.django_db

OTHER_ID = "11111111-2222-4333-8444-555555555555"
MAPPING = """\
com.example.Game -> a.a:
# {"id":"sourceFile","fileName":"Game.kt"}
    1:4:void run():16:19 -> c
    5:5:void com.example.Inner.leaf():100:100 -> c
    5:5:void run():20 -> c
    void left(int) -> f
    void right(com.example.GameOver) -> f
    void plain() -> d
com.example.GameOver -> a.b:
"""
OTHER = """\
com.example.Other -> a.b:
com.other.Thing -> o.t:
    1:1:void work():7:7 -> w
"""


@pytest.fixture(autouse=True)
def _mapping() -> None:
    a_mapping_of(a_project(), MAPPING)


def test_inlined_frames_are_next_to_their_caller() -> None:
    outer, inner = a_frame("x", "main", 1), a_frame("a.a", "c", 5, index=7)

    callers_first = retraced(outer, inner)
    callees_first = retraced(inner, outer, options={"frame_order": "callee_first"})

    assert [f["function"] for f in callers_first] == ["main", "run", "leaf"]
    assert [f["index"] for f in callers_first] == [0, 7, 7]
    assert callees_first == callers_first[::-1]


def test_other_fields_of_a_frame_are_kept() -> None:
    said = {
        "platform": "java",
        "in_app": False,
        "method_synthesized": True,
        "pre_context": ["a"],
        "context_line": "",
        "post_context": ["b"],
    }

    caller, leaf = retraced(a_frame("a.a", "c", 5, **said))

    assert caller.items() >= said.items()
    assert leaf.items() >= said.items()


def test_unknown_names_stay_as_sent() -> None:
    unknown = a_frame("x.y", "z", 0, filename="", abs_path="/x", in_app=False)

    assert retraced(unknown, release_package="x") == [unknown]


def test_file_names_come_from_the_mapping_or_the_inlined_class() -> None:
    caller, leaf = retraced(a_frame("a.a", "c", 5, filename="SourceFile"))
    (known,) = retraced(a_frame("a.b", "x", 5, filename="X.kt", abs_path="/X.kt"))

    assert (caller["filename"], caller["abs_path"]) == ("Game.kt", "Game.kt")
    assert (leaf["filename"], leaf["abs_path"]) == ("Inner.java", "Inner.java")
    assert (known["filename"], known["abs_path"]) == ("X.kt", "/X.kt")


@pytest.mark.parametrize(
    ("signature", "function", "spoken"),
    [
        ("(I)V", "left", "(int)"),
        ("(La/b;)V", "right", "(com.example.GameOver)"),
        ("(La/b;)[[La/b;", "right", "(com.example.GameOver): com.example.GameOver[][]"),
        ("(J)V", "f", "(long)"),
        ("no signature", "f", "no signature"),
        (None, "f", None),
    ],
)
@pytest.mark.parametrize("lineno", [None, 3])
def test_a_signature_selects_among_overloads(
    signature: str | None, function: str, spoken: str | None, lineno: int | None
) -> None:
    (frame,) = retraced(a_frame("a.a", "f", lineno, signature=signature))

    assert (frame["function"], frame.get("signature")) == (function, spoken)


def test_a_line_takes_precedence_over_a_signature() -> None:
    frames = retraced(a_frame("a.a", "c", 5, signature="()V"))

    assert [frame["function"] for frame in frames] == ["run", "leaf"]


def test_a_line_is_returned_only_if_known() -> None:
    frames = retraced(
        a_frame("a.a", "d", 3), a_frame("a.a", "d", None), a_frame("a.a", "c", 99)
    )

    assert [(f["function"], f.get("lineno")) for f in frames] == [
        ("plain", 0),
        ("plain", None),
        ("c", 99),
    ]


def test_frames_of_the_release_package_are_in_app_by_default() -> None:
    frames = retraced(
        a_frame("a.a", "c", 1),
        a_frame("a.a", "c", 1, in_app=False),
        a_frame("com.example.Unmapped", "c", 1),
        release_package="com.example",
    )

    assert [frame.get("in_app") for frame in frames] == [True, False, None]


def test_mappings_are_queried_in_their_order() -> None:
    a_mapping_of(a_project(), OTHER, OTHER_ID)
    frames = [a_frame("o.t", "w", 1), a_frame("a.b", "x", 1)]
    body: Any = {"classes": ["a.b"], "stacktraces": [{"frames": frames}]}

    one = send({**body, "modules": modules(MAPPING_ID, OTHER_ID)}).json()
    other = send({**body, "modules": modules(OTHER_ID, MAPPING_ID)}).json()

    assert one["classes"] == {"a.b": "com.example.GameOver"}
    assert other["classes"] == {"a.b": "com.example.Other"}
    named = [
        [frame["module"] for frame in told["stacktraces"][0]["frames"]]
        for told in (one, other)
    ]
    assert named == [
        ["com.other.Thing", "com.example.GameOver"],
        ["com.other.Thing", "com.example.Other"],
    ]


def test_exceptions_get_their_real_names() -> None:
    exceptions = [{"type": "b", "module": "a"}, {"type": "a.b", "module": ""}]
    unknown = {"type": "Error", "module": "java.lang"}

    answer = send(
        {"modules": modules(MAPPING_ID), "exceptions": [*exceptions, unknown]}
    )

    real = {"type": "GameOver", "module": "com.example"}
    assert answer.json()["exceptions"] == [real, real, unknown]


def test_a_missing_mapping_is_reported_and_recorded() -> None:
    asked = [*modules(OTHER_ID.upper()), *modules(BUNDLE_ID, kind="source")]

    answer = send({"modules": asked}, a_client(project=a_project()))

    assert answer.json()["errors"] == [{"uuid": OTHER_ID, "type": "missing"}]
    wanted = set(WantedId.objects.values_list("debug_id", "project__slug"))
    assert wanted == {(OTHER_ID, "game"), (BUNDLE_ID, "game")}


def test_after_an_invalid_mapping_the_next_is_queried() -> None:
    a_mapping_of(a_project(), ENDLESS, OTHER_ID)
    frames = [a_frame("z.z", "z", line) for line in range(40)]
    body: Any = {
        "modules": modules(OTHER_ID, MAPPING_ID),
        "classes": ["a.b"],
        "stacktraces": [{"frames": frames}],
    }

    answer = send(body).json()

    assert answer["errors"] == [{"uuid": OTHER_ID, "type": "invalid"}]
    assert answer["classes"] == {"a.b": "com.example.GameOver"}
    assert answer["stacktraces"] == [{"frames": frames}]


ENDLESS = "com.example.Endless -> z.z:\n" + "".join(
    f"    0:99:void com.example.Endless.{'m' * 20_000}{i}():{i}:{i} -> z\n"
    for i in range(50)
)


def test_sources_can_be_switched_off() -> None:
    a_bundle_of(a_project(), {"~/com/example/Game.jvm": "line\n" * 30})
    asked = [*modules(MAPPING_ID), *modules(BUNDLE_ID, kind="source")]
    frame = a_frame("a.a", "c", 1)

    (shown,) = retraced(frame, modules=asked)
    (hidden,) = retraced(frame, modules=asked, options={"apply_source_context": False})

    assert shown["pre_context"] == shown["post_context"] == ["line"] * 5
    assert shown["context_line"] == "line"
    assert {"pre_context", "context_line", "post_context"}.isdisjoint(hidden)


def test_a_token_reads_its_projects_and_without_one_public_ones() -> None:
    body: Any = {"modules": modules(MAPPING_ID), "classes": ["a.b"]}
    url_token = tokens.create_url_token(a_project().organization, by="a test")
    stranger = a_client("others")

    in_the_path = send(body, Client(), f"/s/{url_token}").json()
    of_others = send(body, stranger).json()
    of_nobody = send(body, Client()).json()
    organizations.set_public(a_project(), is_public=True, by="a test")
    of_anybody = send(body, Client()).json()

    assert in_the_path["classes"] == of_anybody["classes"] != {}
    assert of_others["classes"] == of_nobody["classes"] == {}
    assert of_nobody["errors"] == [{"uuid": MAPPING_ID, "type": "missing"}]


def test_an_empty_request_has_an_empty_result() -> None:
    assert send({"sources": [{"whatever": 1}], "scope": "x"}).json() == {
        "status": "completed",
        "exceptions": [],
        "stacktraces": [],
        "classes": {},
        "errors": [],
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"classes": ["\\ud800"]}', 400),
        (b"[]", 422),
        (b'{"classes": "a.b"}', 422),
        (b'{"modules": [{"uuid": "x", "type": "proguard"}]}', 422),
        (b'{"stacktraces": [{"frames": [{"module": "a", "function": "b"}]}]}', 422),
        (json.dumps({"modules": modules(*[MAPPING_ID] * 101)}).encode(), 422),
    ],
)
def test_an_invalid_request_is_refused(body: bytes, status: int) -> None:
    answer = send(body)

    assert answer.status_code == status
    assert answer.json().keys() == {"detail", "causes"}


def test_an_invalid_token_is_refused() -> None:
    assert send({}, Client(headers={"Authorization": "Bearer x"})).status_code == 401
    assert send({}, Client(), "/s/symd_x").status_code == 401
