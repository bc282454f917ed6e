"""POST /symbolicate/v4: a line for each frame."""

import pytest
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import MODULE, send

pytestmark = pytest.mark.django_db

V4 = "/symbolicate/v4"


def test_v4_returns_lines_and_known_modules() -> None:
    payloads.keep(payloads.SYMBOLS.replace(b" xul.dll", b""))

    answer = send(
        {
            "memoryMap": [MODULE, ["nope.pdb", "A" * 33], ["b", "B" * 33]],
            "stacks": [[[0, 0x1017], [1, 5]], [[-1, 65802], [0, -1]]],
            "version": 4,
        },
        path=V4,
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "symbolicatedStacks": [
            ["foo(int) (in xul.pdb)", "0x5 (in nope.pdb)"],
            ["0x1010a (in <unknown>)", "-0x1 (in xul.pdb)"],
        ],
        "knownModules": [True, False, None],
    }


@pytest.mark.parametrize(
    ("payload", "title"),
    [
        ("", "Payload is not valid JSON"),
        ("data=wrongtype", "Payload is not valid JSON"),
        ({}, "job 0 is invalid: no stacks specified"),
        ({"jobs": []}, "job 0 is invalid: no stacks specified"),
        ([], "job 0 is invalid"),
    ],
)
def test_an_invalid_job_is_refused(payload: object, title: str) -> None:
    answer = send(payload, path=V4)

    assert (answer.status_code, answer.json()) == (400, {"title": title})
