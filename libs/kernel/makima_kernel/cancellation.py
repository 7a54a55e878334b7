"""Lets a loop notice a cancellation that a library swallowed, as Python 3.11's `wait_for` and nats-py do."""

import asyncio


def raise_if_cancelled() -> None:
    """Raises `CancelledError` if this task was cancelled but still runs; call it at the head of each loop.

    Before Python 3.12, `asyncio.wait_for` returns its result and drops the cancellation if both happen at the
    same time (bpo-37658); nats-py's requests use it, and nats-py's `_flush_pending` drops every cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
