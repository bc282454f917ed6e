"""Fields of frames besides their function."""

import pytest
from pytest_django import Settings
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import (
    BASE,
    INLINED,
    a_module,
    a_request,
    at,
    post,
)

pytestmark = pytest.mark.django_db


def told(*frames: dict[str, object]) -> list[dict[str, object]]:
    modules = [a_module(), a_module(debug_id=None, image_addr=hex(BASE + 0x20000))]
    answer = post(a_client(), a_request(*frames, modules=modules)).json()
    return list(answer["stacktraces"][0]["frames"])


@pytest.fixture(autouse=True)
def hello(settings: Settings) -> None:
    settings.SYMCACHES = True
    a_project()
    upload(a_client(), INLINED.encode())


def test_a_frame_in_a_known_module_has_its_package() -> None:
    package = {"package": "/as/the/client/guessed"}

    found, no_symbol, missing, unknown = told(
        at(0x1004, **package),
        at(0x9000, **package),
        at(0x20001, **package),
        {"instruction_addr": "0x7", **package},
    )

    assert [f["status"] for f in (found, no_symbol, missing, unknown)] == [
        "symbolicated",
        "missing_symbol",
        "missing",
        "unknown_image",
    ]
    for frame in (found, no_symbol, missing):
        assert frame["package"] == "/opt/hello"
    assert unknown["package"] == "/as/the/client/guessed"


def test_client_fields_are_copied_to_inlined_frames() -> None:
    said = {"function_id": "0x6", "adjust_instruction_addr": False, "trust": "cfi"}

    frames = told(at(0x1012, **said))

    assert len(frames) == 2
    for frame in frames:
        assert said.items() <= frame.items()
