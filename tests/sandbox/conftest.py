"""Sandboxes: one as in the server, and two with misbehaving children."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.fixtures import builders

from symdepot.sandbox.operations import Sandbox
from symdepot.sandbox.resource_limits import ResourceLimits

MISBEHAVING = Path(__file__).with_name("misbehaving_parser.py")

LOW_LIMITS = ResourceLimits(
    memory_bytes=16 * 1024**2, mapped_bytes=0, cpu_seconds=1, wall_seconds=20.0
)
HALF_A_SECOND = replace(LOW_LIMITS, wall_seconds=0.5)


@pytest.fixture(scope="module")
def inspector() -> Iterator[Sandbox]:
    inspector = Sandbox()
    yield inspector
    inspector.close()


@pytest.fixture(scope="module")
def misbehaving() -> Iterator[Sandbox]:
    inspector = Sandbox(zygote=[str(MISBEHAVING)], limits=LOW_LIMITS)
    yield inspector
    inspector.close()


@pytest.fixture(scope="module")
def impatient() -> Iterator[Sandbox]:
    inspector = Sandbox(zygote=[str(MISBEHAVING)], limits=HALF_A_SECOND)
    yield inspector
    inspector.close()


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A valid file."""
    path = tmp_path / "sound"
    path.write_bytes(builders.breakpad(UUID(int=7)))
    return path
