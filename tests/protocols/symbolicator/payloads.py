"""Payloads of native requests."""

from typing import Any

from django.test import Client
from tests.factories import Answer

BREAKPAD_ID = "DFB8E43AF2423D73A453AEB6A777EF750"
DEBUG_ID = "dfb8e43a-f242-3d73-a453-aeb6a777ef75"
BASE = 0x4000_0000
INLINED = """\
MODULE Linux x86_64 DFB8E43AF2423D73A453AEB6A777EF750 hello
FILE 0 /src/hello.c
FILE 1 /src/twice.h
INLINE_ORIGIN 0 twice(int)
FUNC 1000 20 0 main
INLINE 0 8 0 0 1010 8
1000 10 7 0
1010 8 3 1
1018 8 9 0
"""
"""A symbol file by hand, after Breakpad's docs/symbol_files.md."""


def a_module(**differing: Any) -> dict[str, Any]:
    usual = {
        "type": "elf",
        "debug_id": DEBUG_ID,
        "code_file": "/opt/hello",
        "image_addr": hex(BASE),
        "image_size": 0x10000,
    }
    return {k: v for k, v in (usual | differing).items() if v is not None}


def a_request(*frames: dict[str, Any], **differing: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "stacktraces": [{"frames": list(frames)}],
        "modules": [a_module()],
    }
    return usual | differing


def at(address: int, **differing: Any) -> dict[str, Any]:
    return {"instruction_addr": hex(BASE + address), **differing}


def post(client: Client, body: object, path: str = "/symbolicate") -> Answer:
    return client.post(path, body, content_type="application/json")
