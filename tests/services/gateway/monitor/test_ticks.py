"""A `Tick` says up to which position its client was told everything: also one that asks for what it missed."""

from typing import cast

import httpx
import pytest
from makima_gateway.monitor import pulse, subscriber
from makima_kernel.testing import PATIENCE

from tests.services.gateway.harness import Gateways, created
from tests.services.gateway.monitor.monitor_client import watching


async def test_no_tick_runs_ahead_of_a_replay(
    gateways: Gateways, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "TICK_INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(subscriber, "FIRST_FILTER_TIMEOUT_SECONDS", PATIENCE)
    for _ in range(3):
        await created(http)
    last = await gateways.log.head()
    async with watching(gateways, ticks=True, since=last) as first:
        while (await first.next())["type"] != "Tick":
            pass  # from now on there are a thousand a second
    for _ in range(5):
        async with watching(gateways, ticks=True, since=0) as client:
            told = said = 0  # by events, and by ticks
            while told < last:
                message = await client.next()
                position = cast("int", message["position"])
                if message["type"] == "Tick":
                    said = max(said, position)
                else:
                    assert said < position, "a tick said that this was told"
                    told = position
