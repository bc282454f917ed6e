"""POST /symbolicate: complete requests and responses."""

import base64
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_debug_file, a_project, upload
from tests.protocols.symbolicator.payloads import (
    BASE,
    DEBUG_ID,
    INLINED,
    a_module,
    a_request,
    at,
    post,
)
from tests.symcache_files import CONVERT_ERROR, an_unreadable_pdb

from symdepot.debugfiles.models import WantedId
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Project
from symdepot.projects.tokens import Scope
from symdepot.protocols.symbolicator.response_schemas import ANSWER

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOTHING = {
    "has_debug_info": False,
    "has_unwind_info": False,
    "has_symbols": False,
    "has_sources": False,
}

PE: dict[str, Any] = {
    "format": Format.PE,
    "kind": "exe",
    "code_id": CodeId("abcdef15000"),
    "features": frozenset({"unwind"}),
}


@pytest.fixture(autouse=True)
def project(settings: Settings) -> Project:
    settings.SYMCACHES = True
    return a_project()


@pytest.fixture
def hello() -> str:
    """Upload a program's symbols; return the id of their row."""
    return str(upload(a_client(), INLINED.encode())["dif"]["id"])


def test_returns_functions_files_and_lines(hello: str) -> None:
    answer = post(a_client(), a_request(at(0x1012), at(0x1006)))

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "completed",
        "stacktraces": [
            {
                "frames": [
                    {
                        "status": "symbolicated",
                        "original_index": 0,
                        "instruction_addr": "0x40001012",
                        "package": "/opt/hello",
                        "symbol": "twice(int)",
                        "function": "twice(int)",
                        "filename": "twice.h",
                        "abs_path": "/src/twice.h",
                        "lineno": 3,
                    },
                    {
                        "status": "symbolicated",
                        "original_index": 0,
                        "instruction_addr": "0x40001012",
                        "package": "/opt/hello",
                        "symbol": "main",
                        "sym_addr": "0x40001000",
                        "function": "main",
                        "filename": "hello.c",
                        "abs_path": "/src/hello.c",
                        "lineno": 8,
                    },
                    {
                        "status": "symbolicated",
                        "original_index": 1,
                        "instruction_addr": "0x40001005",
                        "package": "/opt/hello",
                        "symbol": "main",
                        "sym_addr": "0x40001000",
                        "function": "main",
                        "filename": "hello.c",
                        "abs_path": "/src/hello.c",
                        "lineno": 7,
                    },
                ]
            }
        ],
        "modules": [
            {
                "debug_status": "found",
                "features": NOTHING | {"has_debug_info": True},
                "arch": "x86_64",
                "type": "elf",
                "code_file": "/opt/hello",
                "debug_id": DEBUG_ID,
                "debug_file": "hello",
                "image_addr": "0x40000000",
                "image_size": 65536,
            }
        ],
    }


def test_responses_match_the_schema(hello: str) -> None:
    body = a_request(
        at(0x1012, trust="cfi"),
        at(0x9000, vars={"a": 1}, in_app=True, lineno=7, trust="none"),
        {"instruction_addr": 1},
        options={"dif_candidates": True},
        signal=11,
    )

    ANSWER.validate_json(post(a_client(), body).content)


def test_an_unresolved_frame_is_returned_as_sent() -> None:
    frame = at(0x9000, function="f", in_app=True, trust="cfi", lineno=None)

    answer = post(a_client(), a_request(frame, {"instruction_addr": "0x10"}))

    assert answer.json()["stacktraces"][0]["frames"] == [
        {
            "status": "missing",
            "original_index": 0,
            "instruction_addr": "0x40009000",
            "function": "f",
            "in_app": True,
            "trust": "cfi",
            "package": "/opt/hello",
        },
        {
            "status": "unknown_image",
            "original_index": 1,
            "instruction_addr": "0x10",
        },
    ]


def test_candidates_have_their_status(hello: str) -> None:
    broken = upload(a_client(), an_unreadable_pdb())["dif"]
    modules = [
        a_module(),
        a_module(
            type="pe", debug_id=broken["uuid"], code_file=None, image_addr=hex(2 * BASE)
        ),
        a_module(debug_id="0" * 8 + DEBUG_ID[8:], image_addr=hex(3 * BASE)),
    ]
    frames = [at(0x1000), at(BASE + 1), at(2 * BASE + 1)]

    answer = post(
        a_client(project=a_project()),
        a_request(*frames, modules=modules, options={"dif_candidates": True}),
    )

    found, malformed, missing = answer.json()["modules"]
    assert found["candidates"] == [
        {
            "source": "symdepot:acme/game",
            "location": f"sentry://project_debug_file/{hello}",
            "download": {"status": "ok", "features": found["features"]},
            "debug": {"status": "ok"},
        }
    ]
    assert malformed["debug_status"] == "malformed"
    assert malformed["candidates"][0]["debug"] == {
        "status": "malformed",
        "details": CONVERT_ERROR,
    }
    assert missing["debug_status"] == "missing"
    (nothing,) = missing["candidates"]
    assert nothing["location"] == "No object files listed on this source"
    assert nothing["download"]["status"] == "notfound"
    assert "another id" in nothing["download"]["details"]


def test_addresses_may_be_relative_and_numbers(hello: str) -> None:
    frames: list[dict[str, object]] = [
        {"instruction_addr": 0x1004, "addr_mode": "rel:0"},
        {"instruction_addr": str(BASE + 0x1005)},
        {"instruction_addr": 0x1004, "addr_mode": "rel:7"},
    ]

    told = post(a_client(), a_request(*frames)).json()["stacktraces"][0]["frames"]

    assert [frame["status"] for frame in told] == [
        "symbolicated",
        "symbolicated",
        "unknown_image",
    ]
    assert [frame.get("addr_mode") for frame in told] == [None, None, "rel:7"]


def test_frames_may_be_ordered_caller_first(hello: str) -> None:
    frames = [at(0x1006), at(0x9000, in_app=True), at(0x1012)]
    body = a_request(*frames, options={"frame_order": "caller_first"})

    told = post(a_client(), body).json()["stacktraces"][0]["frames"]

    assert [(f["instruction_addr"], f["original_index"]) for f in told] == [
        ("0x40001005", 2),
        ("0x40009000", 1),
        ("0x40001012", 0),
        ("0x40001012", 0),
    ]
    assert told[1]["in_app"] is True
    assert [f["function"] for f in told[2:]] == ["main", "twice(int)"]


def test_thread_fields_are_returned(hello: str) -> None:
    said = {
        "thread_id": 7,
        "thread_name": "io",
        "is_requesting": True,
        "registers": {"rip": hex(BASE + 0x1004)},
    }

    answer = post(a_client(), a_request(stacktraces=[{**said, "frames": []}, {}]))

    assert answer.json()["stacktraces"] == [{**said, "frames": []}, {"frames": []}]


def test_a_module_of_unknown_type_is_not_searched(hello: str) -> None:
    body = a_request(at(0x1012), modules=[a_module(type="coff")])

    answer = post(a_client(), body).json()

    assert answer["modules"][0]["debug_status"] == "missing"
    assert not WantedId.objects.exists()


def test_names_are_returned_demangled_and_mangled() -> None:
    a_file = a_breakpad_file(
        DEBUG_ID.replace("-", "").upper() + "0",
        records=[
            "FUNC 1000 10 0 _ZN3foo3barEv",
        ],
    )
    upload(a_client(), a_file)

    (frame,) = post(a_client(), a_request(at(0x1000))).json()["stacktraces"][0][
        "frames"
    ]

    assert (frame["symbol"], frame["function"]) == ("_ZN3foo3barEv", "foo::bar()")


@pytest.mark.parametrize("how", ["bearer", "password", "path"])
def test_the_token_is_read_from_header_or_path(hello: str, how: str) -> None:
    token = tokens.create_url_token(a_project(), by="a test")
    headers, path = {}, "/symbolicate"
    if how == "bearer":
        headers = {"Authorization": f"Bearer {token}"}
    elif how == "password":
        basic = base64.b64encode(f"anybody:{token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
    else:
        path = f"/s/{token}/symbolicate"

    answer = post(Client(headers=headers), a_request(at(0x1012)), path)

    assert answer.json()["modules"][0]["debug_status"] == "found"


def test_a_private_project_is_only_read_by_its_tokens(hello: str) -> None:
    body = a_request(at(0x1012))
    other = a_client(project=a_project("other"), scopes=[Scope.READ])

    statuses = [
        post(client, body).json()["modules"][0]["debug_status"]
        for client in (other, Client())
    ]

    assert statuses == ["missing", "missing"]


def test_a_public_project_needs_no_token(hello: str, project: Project) -> None:
    organizations.set_public(project, is_public=True, by="a test")

    answer = post(Client(), a_request(at(0x1012)))

    assert answer.json()["modules"][0]["debug_status"] == "found"


def test_a_missing_id_is_recorded_with_the_actor() -> None:
    client = a_client(project=a_project(), user_agent="crash-tool/1")
    a_debug_file(a_project(), format=Format.SOURCE_BUNDLE)

    post(client, a_request(at(0x1012)))

    (wanted,) = WantedId.objects.all()
    assert (wanted.debug_id, wanted.name) == (DEBUG_ID, "hello")
    assert wanted.asked_by.endswith("(crash-tool/1)")


def test_a_windows_program_without_debug_id_is_found_by_code_id_and_name(
    hello: str, project: Project
) -> None:
    a_debug_file(project, **PE, name="Kilnt.exe", debug_id=DebugId.parse(DEBUG_ID))
    a_debug_file(project, **PE, name="other.dll", debug_id=DebugId(UUID(int=5)))
    names = ("C:\\a\\kilnt.EXE", "other.dll", "third.exe", None)
    given = {"type": "pe", "code_id": "ABCDEF15000", "debug_id": None}
    requests = [
        a_request(at(0x1006), modules=[a_module(**given, code_file=name)])
        for name in names
    ]

    answers = [post(a_client(), request).json() for request in requests]

    frames = [answer["stacktraces"][0]["frames"][0] for answer in answers]
    assert [frame.get("function") for frame in frames] == ["main", None, None, None]
    assert [answer["modules"][0]["debug_status"] for answer in answers] == [
        "found",
        *["missing"] * 3,
    ]


def test_programs_of_one_name_and_code_id_are_not_confused(
    hello: str, project: Project
) -> None:
    for debug_id in (DebugId.parse(DEBUG_ID), DebugId(UUID(int=5))):
        a_debug_file(project, **PE, name="kilnt.exe", debug_id=debug_id)
    module = a_module(
        type="pe", code_id="ABCDEF15000", debug_id=None, code_file="kilnt.exe"
    )

    answer = post(a_client(), a_request(at(0x1006), modules=[module])).json()

    assert answer["modules"][0]["debug_status"] == "missing"
