"""Lets a loop notice a cancellation that was swallowed: Python 3.11's `wait_for`, which nats-py uses, can
drop one.
"""

import asyncio


def raise_if_cancelled() -> None:
    """Call at the start of each iteration of a loop. Raises `CancelledError` if this task was cancelled but
    still runs.

    Before Python 3.12, `asyncio.wait_for` returns its result and drops the cancellation if both happen at the
    same time (bpo-37658); nats-py's requests use it, and nats-py's `_flush_pending` drops every cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
