"""A plugin: requests of a test wait as long as the test does, as on a busy machine the five seconds of a client
are not enough. And how late the machine itself was, for tests of how fast something is.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import pytest
from makima_kernel.commands import client
from makima_kernel.testing import PATIENCE

LATENESS_SAMPLE_SECONDS: Final = 0.01


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DEFAULT_TIMEOUT_SECONDS", PATIENCE)


@asynccontextmanager
async def lateness() -> AsyncGenerator[Callable[[], float]]:
    """For how many seconds this process had no turn since entry: what waited for the machine, and for nothing else."""
    late = 0.0

    async def sample() -> None:
        nonlocal late
        while True:
            asked_at = monotonic()
            await asyncio.sleep(LATENESS_SAMPLE_SECONDS)
            late += max(0.0, monotonic() - asked_at - LATENESS_SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield lambda: late
    finally:
        sampling.cancel()
