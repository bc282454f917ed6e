"""Task queues for tests: one that runs at once, and one that waits."""

from typing import cast

from django.conf import settings
from django.tasks import default_task_backend, task_backends
from django.tasks.backends.dummy import DummyBackend
from django.tasks.backends.immediate import ImmediateBackend

from symdepot.pipeline import tasks
from symdepot.symcaches.models import SymCache

IMMEDIATE = {
    "default": {
        "BACKEND": "django.tasks.backends.immediate.ImmediateBackend",
        "QUEUES": [],
    }
}
DUMMY = {
    "default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend", "QUEUES": []}
}
DATABASE = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}
"""The queue in the database, as in production: all threads share it."""


def create_symcaches_at_once() -> None:
    """Create the queued symcaches, if tasks run at once, too."""
    while isinstance(task_backends["default"], ImmediateBackend) and (
        tasks.create_next_symcache()
    ):
        pass


class HeldQueue:
    """Django's dummy queue: tasks wait until `work` is called."""

    @property
    def assemblies(self) -> list[int]:
        """The ids of the queued assemblies, in order, with repeats."""
        return self._waiting("assembly_ids")

    @property
    def symcaches(self) -> list[int]:
        """The ids of the symcaches to be created, in order."""
        rows = SymCache.objects.claimable(settings.MAX_ATTEMPTS)
        return list(rows.values_list("pk", flat=True))

    def work(self) -> None:
        """Run the queued tasks and create the queued symcaches, as a worker does."""
        assemblies, symcaches = self.assemblies, self.symcaches
        self._backend.clear()
        tasks.assemble_files.call(assembly_ids=assemblies)
        for _ in symcaches:
            tasks.create_next_symcache()

    def work_is_lost(self) -> None:
        """Drop the queued tasks, as a queue does that loses its disk."""
        self._backend.clear()

    def _waiting(self, name: str) -> list[int]:
        return [
            pk for result in self._backend.results for pk in result.kwargs.get(name, [])
        ]

    @property
    def _backend(self) -> DummyBackend:
        return cast("DummyBackend", default_task_backend)
