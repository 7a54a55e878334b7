"""Readers that stand still, whatever carries their messages, keep no more of what is said alive than a page
each.
"""

import asyncio
import gc
import socket
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager

import asyncpg
import httpx
import pytest
from makima_gateway.monitor import log_tail as hub
from makima_gateway.read_model import queries
from makima_gateway.read_model.monitor_events import MonitorEvent
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from nats.aio.client import Client

from tests.services.gateway.harness import act, created, position, running
from tests.services.gateway.monitor.monitor_client import narrow, watching

QUESTION = "x" * 200_000
QUESTIONS = 40
REMEMBERED = 5
A_PAGE = 2  # questions


def alive(contract: str) -> int:
    """The messages about it that somebody still holds."""
    gc.collect()
    return sum(type(each) is MonitorEvent and each.contract_id == contract for each in gc.get_objects())


@contextmanager
def stalled_stream(http: httpx.AsyncClient) -> Generator[None]:
    """A client of the event stream with hardly any room, which never reads."""
    request = http.build_request("GET", "/contracts/monitor/events?since=0")
    head = [
        f"GET {request.url.raw_path.decode()} HTTP/1.1",
        *(f"{name}: {value}" for name, value in request.headers.items()),
    ]
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect((request.url.host, request.url.port))
        raw.sendall("\r\n".join([*head, "", ""]).encode())
        yield


async def test_readers_that_stand_still_keep_no_more_than_a_page(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_RECENT_EVENTS", REMEMBERED)
    for module in (hub, queries):
        monkeypatch.setattr(module, "MONITOR_PAGE_CHARACTERS", A_PAGE * len(QUESTION))
    async with running(settings, pool, nats) as gateways, AsyncExitStack() as readers:
        http = gateways.clients[0]
        contract = str((await created(http))["id"])
        await act(http, contract, "start")
        stalled = [await readers.enter_async_context(narrow(gateways.sockets[0])) for _ in range(3)]
        for _ in range(3):
            readers.enter_context(stalled_stream(http))
        lively = await readers.enter_async_context(watching(gateways))
        path, body = f"/contracts/{contract}/questions", {"question": QUESTION}
        for _ in range(QUESTIONS):
            assert (await http.post(path, json=body)).status_code == 201
        last = await position(http, contract, "fail")
        async with asyncio.timeout(PATIENCE):
            told = await lively.until(last)
        assert sum(message["type"] == "QuestionAsked" for message in told) == QUESTIONS, (
            "the others hold nobody up"
        )
        assert alive(contract) <= REMEMBERED + (A_PAGE + 1) * 7
        told = await stalled[0].until(last)
        assert sum(message["type"] == "QuestionAsked" for message in told) == QUESTIONS, (
            "it comes late, and misses nothing"
        )


async def test_what_is_remembered_is_bounded_by_its_size_too(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_RECENT_CHARACTERS", 3 * len(QUESTION))
    async with running(settings, pool, nats) as gateways:
        http = gateways.clients[0]
        contract = str((await created(http))["id"])
        await act(http, contract, "start")
        async with watching(gateways) as client:
            for _ in range(10):
                assert (
                    await http.post(f"/contracts/{contract}/questions", json={"question": QUESTION})
                ).status_code == 201
            last = await position(http, contract, "fail")
            await client.until(last)
        await eventually(lambda: 0 < alive(contract) <= 3, because="the last reader lets go of its page")
        async with watching(gateways, since=0) as client:
            assert len(await client.until(last)) == 14, "what is forgotten here comes from the database"
