"""Makes code behave in a test's transaction, which is rolled back, as after a commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import pytest
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic


@contextmanager
def committed_at_once() -> Iterator[None]:
    """Run `on_commit` hooks when the outermost transaction of the code under test ends.

    In a test without `transaction=True` that one is a savepoint, and Django would never
    run them. Nor is the connection closed when a request gives it back.
    """
    leave = Atomic.__exit__
    on_commit = BaseDatabaseWrapper.on_commit
    close_if_obsolete = BaseDatabaseWrapper.close_if_unusable_or_obsolete

    def leave_and_run_hooks(
        self: Atomic,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave(self, exc_type, exc_value, traceback)
        connection = transaction.get_connection(self.using)
        if exc_type is None and _is_outside_of_code(connection):
            _run_hooks(connection)

    def on_commit_or_at_once(
        self: BaseDatabaseWrapper, func: Callable[[], object], *robust: bool
    ) -> None:
        on_commit(self, func, *robust)
        if _is_outside_of_code(self):
            _run_hooks(self)

    def close_outside_of_tests(self: BaseDatabaseWrapper) -> None:
        if not _is_outside_of_code(self):
            close_if_obsolete(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Atomic, "__exit__", leave_and_run_hooks)
        patch.setattr(BaseDatabaseWrapper, "on_commit", on_commit_or_at_once)
        patch.setattr(
            BaseDatabaseWrapper, "close_if_unusable_or_obsolete", close_outside_of_tests
        )
        yield


def _is_outside_of_code(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the transaction of a test is open, and none inside of it."""
    blocks = connection.atomic_blocks
    # Django's own mark, which django-stubs does not know.
    return bool(blocks) and getattr(blocks[-1], "_from_testcase", False)


def _run_hooks(connection: BaseDatabaseWrapper) -> None:
    hooks, connection.run_on_commit = connection.run_on_commit, []
    for hook in hooks:
        hook[1]()
