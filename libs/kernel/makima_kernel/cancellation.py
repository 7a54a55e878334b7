"""A loop that is told to end must end: Python 3.11's `wait_for`, under every nats-py request, may swallow the cancellation."""

import asyncio


def raise_if_cancelled() -> None:
    """At the head of a loop. Raises `CancelledError` if this task was cancelled and goes on all the same.

    `asyncio.wait_for` before Python 3.12 returns its result, not the cancellation, where both come at once (bpo-37658), and
    nats-py's `_flush_pending` drops a cancellation altogether.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
