"""An asyncio loop in a thread of its own, for those who call from other threads."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.loop: Final = asyncio.new_event_loop()
        self._closing: Final = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Its result; it is cancelled if the waiting thread is interrupted.

        Raises `RuntimeError` in the loop's own thread, which would wait for itself, and once it is closed.
        """
        if self._is_here():
            doing.close()
            raise RuntimeError(
                "this call waits for the agent's thread, and was made in it (by a handler that is a coroutine): make the "
                "handler a plain function, which has a thread of its own"
            )
        with self._closing:
            if self._is_closed:
                doing.close()
                raise RuntimeError("the agent has ended: call it within its context")
            future = asyncio.run_coroutine_threadsafe(doing, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Call it in the loop's thread."""
        if self._is_here():
            return function()

        async def called() -> T:
            return function()

        return self.run(called())

    def close(self) -> None:
        """What still runs is cancelled, so that no thread waits for it for ever."""
        with self._closing:
            self._is_closed = True
        asyncio.run_coroutine_threadsafe(_cancel_others(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _is_here(self) -> bool:
        return threading.current_thread() is self._thread


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)
