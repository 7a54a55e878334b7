"""Runs things in tasks of their own: those of one key one after another, those of different keys side by side."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

Doing = Callable[[], Coroutine[Any, Any, None]]

_logger: Final = logging.getLogger(__name__)


class OrderedTasks:
    """Keeps what it runs until it has ended. What fails is logged, and changes nothing else."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Task[None]] = {}  # by key: what came last
        self._running: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def add(self, key: str, doing: Doing) -> None:
        """Run it once everything of `key` that came before has ended; after `close`, not at all."""
        if self._is_closed:
            return
        task = asyncio.create_task(_after(self._last.get(key), doing), name=f"in order: {key}")
        self._last[key] = task
        self._running.add(task)
        task.add_done_callback(lambda ended: self._forget(key, ended))

    async def close(self) -> None:
        """Cancel what runs and what waits."""
        self._is_closed = True
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running))

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._last.get(key) is task:
            del self._last[key]


async def _after(before: asyncio.Task[None] | None, doing: Doing) -> None:
    if before is not None:
        await asyncio.wait({before})
    try:
        await doing()
    except Exception:
        _logger.exception("a task failed")
