"""A thread answers for the event loop: also, and above all, when the loop can't."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from makima_kernel.service import health as module
from makima_kernel.service import metrics
from makima_kernel.service.health import Health, HealthServer
from makima_kernel.testing import eventually


@pytest.fixture
async def served() -> AsyncIterator[tuple[Health, str]]:
    health = Health()
    with HealthServer(health, "127.0.0.1", 0) as server:
        beating = asyncio.create_task(health.beat())
        yield health, f"http://127.0.0.1:{server.port}"
        beating.cancel()


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url)


async def test_ready_only_when_every_check_is_and_the_reason_is_told(served: tuple[Health, str]) -> None:
    health, url = served
    reason: str | None = "behind by 7"

    async def check() -> str | None:
        return reason

    health.ready_when("projection", check)
    answer = await get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, {"projection": "behind by 7"})
    reason = None
    assert (await get(f"{url}/readyz")).status_code == 200


async def test_metrics_and_unknown_paths_are_answered(served: tuple[Health, str]) -> None:
    _, url = served
    metrics.contracts_stale_count.set(3)
    assert "makima_contracts_stale_count 3.0" in (await get(f"{url}/metrics")).text
    assert (await get(f"{url}/nothing")).status_code == 404


async def test_a_frozen_loop_is_not_live_and_not_ready(served: tuple[Health, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, url = served
    monkeypatch.setattr(module, "FROZEN_AFTER_SECONDS", 0.7)
    monkeypatch.setattr(module, "CHECK_TIMEOUT_SECONDS", 0.2)
    await eventually(lambda: get_status(f"{url}/livez") == 200)
    seen: list[tuple[int, int]] = []

    def watch() -> None:
        while not seen or seen[-1] != (503, 503):
            seen.append((get_status(f"{url}/livez"), get_status(f"{url}/readyz")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    end = time.monotonic() + 5
    while watcher.is_alive() and time.monotonic() < end:  # the loop stands: nothing below awaits
        watcher.join(0.01)
    assert seen[-1] == (503, 503)


def get_status(url: str) -> int:
    return httpx.get(url).status_code
