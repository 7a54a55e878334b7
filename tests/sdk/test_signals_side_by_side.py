"""What a daemon does with signals while a handler of another one runs."""

import asyncio

import orjson
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE
from makima_schemas import subjects
from makima_sdk import Connection, Daemon, Signal
from nats.aio.client import Client

SLOW = 3600.0  # an interval that no test lives to see


async def test_a_slow_handler_holds_up_its_own_contract_alone(nats: Client, nats_url: str) -> None:
    others_start = asyncio.Event()
    heard: list[tuple[str, object]] = []

    async def remove(signal: Signal) -> None:
        await others_start.wait()
        heard.append((signal.kind, signal.body["contract_id"]))

    async def start(signal: Signal) -> dict[str, object]:
        heard.append((signal.kind, signal.body["contract_id"]))
        if signal.body["contract_id"] == "c2":
            others_start.set()
        return {"accepted": True}

    async with Daemon("d1", Connection(nats_url=nats_url), interval=SLOW) as daemon:
        daemon.on("cleanup_worktrees", remove)
        daemon.on("start", start)
        await confirm_subscriptions(nats)
        await nats.publish(subjects.daemon_signal("d1", "cleanup_worktrees"), b'{"contract_id": "c1"}')
        same = asyncio.create_task(
            nats.request(subjects.daemon_signal("d1", "start"), b'{"contract_id": "c1"}', timeout=PATIENCE)
        )
        await asyncio.sleep(0)  # it is sent first
        other = await nats.request(
            subjects.daemon_signal("d1", "start"), b'{"contract_id": "c2"}', timeout=PATIENCE
        )
        assert orjson.loads(other.data) == {"accepted": True}
        await same
    assert heard == [("start", "c2"), ("cleanup_worktrees", "c1"), ("start", "c1")]


async def test_a_handler_that_runs_ends_with_its_daemon(nats: Client, nats_url: str) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def remove(_signal: Signal) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Daemon("d1", Connection(nats_url=nats_url), interval=SLOW) as daemon:
        daemon.on("cleanup_worktrees", remove)
        await confirm_subscriptions(nats)
        await nats.publish(subjects.daemon_signal("d1", "cleanup_worktrees"), b'{"contract_id": "c1"}')
        await began.wait()
    assert ended.is_set()
