"""What makima says to a daemon or an agent, and the handlers that a program has for it."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Signal:
    """A message from makima (interfaces.md, signals). To an agent it comes as the answer to a request."""

    kind: str  # last token of the NATS subject, for example `cleanup_worktrees`
    body: Mapping[str, object]  # the JSON object of the message; empty if the message has none


SignalHandler = Callable[[Signal], Awaitable[object] | object]


class SignalHandlers:
    """The handlers of an agent, by kind. A handler that fails is logged, and changes nothing else."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[SignalHandler]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def add(self, kind: str, handler: SignalHandler) -> None:
        self._handlers.setdefault(kind, []).append(handler)

    def emit(self, kind: str, /, **body: object) -> None:
        """Call the handlers of `kind`, each in a task of its own."""
        for handler in self._handlers.get(kind, ()):
            task = asyncio.create_task(_handle(handler, Signal(kind, body)), name=f"handler of {kind}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def finish(self, timeout: float) -> None:
        """Wait for handlers that run, at most `timeout` seconds; then they are cancelled."""
        if not self._running:
            return
        _, late = await asyncio.wait(set(self._running), timeout=timeout)
        for task in late:
            task.cancel()


async def _handle(handler: SignalHandler, signal: Signal) -> None:
    try:
        result = handler(signal)
        if inspect.isawaitable(result):
            await result
    except Exception:
        _logger.exception("the handler of the signal %s failed", signal.kind)
