"""Guarantee 7: stopping any process drains it; killing it costs nothing but a restart."""

import asyncio
import os
import re
import signal
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import nats
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.envelope import Recorded
from nats.js.client import JetStreamContext

from tests.e2e import stack
from tests.e2e.stack import Stack
from tests.plain_http import plain_client
from tests.services.gateway.harness import authenticated_client

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.skipif(stack.ELSEWHERE is not None, reason="kills the processes of its own stack"),
]

WRITERS = 8  # some of them wait for an answer at any moment
BACK_WITHIN_SECONDS = 90


@dataclass
class Ledger:
    """What the writers were promised: the last version of each contract that an answer carried.

    `cut`: what took effect and was not answered, though whoever was to answer had been asked to stop, not
    killed.
    """

    log: Log
    draining: str | None = None
    versions: dict[str, int] = field(default_factory=dict[str, int])
    retries: int = 0
    cut: list[str] = field(default_factory=list[str])
    stop: bool = False

    async def interrupted(self, path: str, version: int) -> None:
        """A request that a stopping gateway had not begun with may be sent again; one that it had passed on
        it must answer.
        """
        _, _, contract, command = [*path.split("/"), "", ""][:4]
        if (
            self.draining
            and command
            and await self.log.stream("default", f"contract-{contract}", after=version - 1)
        ):
            self.cut.append(f"{path} while {self.draining} stopped")


async def insist(
    client: httpx.AsyncClient, ledger: Ledger, path: str, body: dict[str, object], version: int = 1
) -> dict[str, object]:
    """One intent: sent again under its key until it is answered. A process that dies may cost tries, never an
    answer.
    """
    key = uuid4().hex
    async with asyncio.timeout(BACK_WITHIN_SECONDS):
        while True:
            try:
                answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
                if answer.status_code < 500:
                    assert answer.is_success, answer.text
                    return answer.json()
                assert answer.status_code == 503, answer.text
            except (httpx.ConnectError, httpx.TimeoutException):
                pass  # never sent, or still on its way
            except httpx.TransportError:
                await ledger.interrupted(path, version)
            ledger.retries += 1
            await asyncio.sleep(0.1)


async def write(client: httpx.AsyncClient, ledger: Ledger) -> None:
    while not ledger.stop:
        made = await insist(client, ledger, "/contracts", {"name": "kept", "auto_complete_enabled": False})
        contract = str(made["id"])
        ledger.versions[contract] = 1
        for version, command in enumerate(("start", "pause", "resume", "fail"), start=2):
            await insist(client, ledger, f"/contracts/{contract}/{command}", {}, version)
            ledger.versions[contract] = version


async def end(system: Stack, service: str, what: signal.Signals) -> None:
    """Signals the service's newest process, and waits until another one in its place is ready."""
    before = pids(system, service)
    os.kill(before[-1], what)
    await eventually(
        lambda: len(pids(system, service)) > len(before),
        BACK_WITHIN_SECONDS,
        because=f"{service} was not started again",
    )
    ready = system.metrics[service].replace("/metrics", "/readyz")

    async def answers() -> bool:
        async with plain_client() as client:
            try:
                return (await client.get(ready)).status_code == 200
            except httpx.TransportError:
                return False

    await eventually(answers, BACK_WITHIN_SECONDS, because=f"{service} did not become ready")


def pids(system: Stack, service: str) -> list[int]:
    again = re.compile(rf"{service} is running again \(pid (\d+)\)")
    return [
        system.services[service],
        *(int(found[1]) for line in system.news if (found := again.search(line))),
    ]


async def test_every_acknowledged_command_stands_whatever_is_killed_or_stopped(server_folder: Path) -> None:
    async with (
        stack.running(stack.own_folder(server_folder, "kill")) as system,
        asyncpg.create_pool(system.database_url, min_size=1, max_size=2) as pool,
        authenticated_client(system.token, f"{system.url}/api/v1") as client,
    ):
        ledger = Ledger(Log(pool))
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(write(client, ledger))
            for service in system.services:
                await end(system, service, signal.SIGKILL)
            for service in system.services:
                ledger.draining = service
                await end(system, service, signal.SIGTERM)
            ledger.stop = True
        assert ledger.cut == []
        stopped = [line for line in system.news if "exited" in line]
        assert sum("SIGKILL" in line for line in stopped) == len(system.services)
        assert sum("exit code 0" in line for line in stopped) == len(system.services), stopped
        await the_log_says_so(system, ledger)
        await every_contract_reads_so(client, ledger)


async def every_contract_reads_so(client: httpx.AsyncClient, ledger: Ledger) -> None:
    shown: dict[str, tuple[int, str]] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = (
            (await client.get("/contracts", params={"limit": 500, **({"cursor": cursor} if cursor else {})}))
            .raise_for_status()
            .json()
        )
        shown |= {item["id"]: (item["version"], item["status"]) for item in page["items"]}
        cursor = page["next_cursor"]
    assert {contract: shown.get(contract) for contract in ledger.versions} == {
        contract: (version, "failed") for contract, version in ledger.versions.items()
    }


async def the_log_says_so(system: Stack, ledger: Ledger) -> None:
    """Each acknowledged command once, no gap anywhere, and the stream at the same position under the same
    event.
    """
    head = await ledger.log.head()
    events = [event for start in range(0, head, 1000) for event in await ledger.log.after(start, 1000)]
    assert [event.position for event in events] == list(range(1, head + 1))
    streams = defaultdict[str, list[Recorded]](list)
    for event in events:
        streams[event.stream].append(event)
    for contract, version in ledger.versions.items():
        mine = streams[f"contract-{contract}"]
        assert [event.version for event in mine] == list(range(1, version + 1))
        assert [event.type for event in mine] == [
            "ContractCreated",
            "ContractStarted",
            "ContractPaused",
            "ContractResumed",
            "ContractFailed",
        ][:version]
    broker = await nats.connect(system.nats_url)
    try:
        jetstream = broker.jetstream()
        await eventually(lambda: _last(jetstream, head))
        last = await jetstream.get_msg(subjects.EVENTS_STREAM, head)
        assert last.headers is not None
        assert last.headers["Nats-Msg-Id"] == str(events[-1].event_id)
    finally:
        await broker.close()


async def _last(jetstream: JetStreamContext, head: int) -> bool:
    return (await jetstream.stream_info(subjects.EVENTS_STREAM)).state.last_seq == head
