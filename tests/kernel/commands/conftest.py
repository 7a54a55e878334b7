"""Replicas of a decision maker on one log."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_schemas.commands import Request

from tests.background import end
from tests.kernel.commands.served_toggle import serving
from tests.kernel.commands.toggle_aggregate import MakeToggle, SwitchOn, toggle_decisions


@pytest.fixture
async def make_toggle(database: str, pool: asyncpg.Pool) -> AsyncIterator[MakeToggle]:
    """Each call makes a replica with a memory and an appender of its own."""
    async with asyncio.TaskGroup() as group:
        running: list[asyncio.Task[None]] = []

        async def make():
            appender = Appender(lambda: asyncpg.connect(database))
            running.append(group.create_task(appender.run()))
            return toggle_decisions(Log(pool), appender)

        yield make
        await end(*running)


@pytest.fixture
async def seen(nats_url: str) -> AsyncIterator[list[tuple[Request[SwitchOn], SwitchOn]]]:
    heard: list[tuple[Request[SwitchOn], SwitchOn]] = []
    async with serving(nats_url, heard):
        yield heard
