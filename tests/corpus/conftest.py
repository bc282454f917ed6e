"""The same servers and clients as in `tests/clients`."""

from tests.clients.conftest import (
    depot,
    newest,
    pytest_runtest_makereport,
    share_depot,
    start_depot,
)

__all__ = [
    "depot",
    "newest",
    "pytest_runtest_makereport",
    "share_depot",
    "start_depot",
]
