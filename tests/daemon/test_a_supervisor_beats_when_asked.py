"""`POST …/supervisor/sync` reaches the process of the supervisor through its daemon: it beats at once, whatever the
interval between its heartbeats.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import nats as nats_py
import pytest
import pytest_asyncio
from makima_gateway.api import supervisor_heartbeats
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.daemon.machine import Machine, daemon_process, machine_of
from tests.daemon.supervised import SUPERVISOR, Supervised
from tests.services.gateway.harness import Gateways, body
from tests.shared_gateway import shared_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon supervisors")]
# So long that no heartbeat of its own comes while a test runs.
SELDOM = {
    "heartbeat_interval_seconds": 3600,
    "heartbeat_timeout_seconds": 9000,
    "agent_timeout_seconds": 9000,
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(
        postgres_server, template_database, nats_server, admitting=True, contracts=SELDOM
    ) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def machine(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> AsyncIterator[Machine]:
    nats = await nats_py.connect(nats_server.url)
    made = await machine_of(gateways, nats, nats_server.url, tmp_path / "workspace")
    made.commands = {"supervisor": SUPERVISOR}
    yield made
    await nats.close()


@pytest.fixture(autouse=True)
def is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a heartbeat may take longer than a person waits."""
    monkeypatch.setattr(supervisor_heartbeats, "SYNC_SECONDS", PATIENCE)


async def synced(supervised: Supervised) -> Mapping[str, object]:
    answer = await supervised.machine.gateways.clients[0].post(f"{supervised.path}/supervisor/sync")
    assert answer.status_code == 200, answer.text
    return body(answer)


async def test_a_sync_is_a_heartbeat_of_the_supervisor_itself(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "makima_daemon")
    async with machine.daemon():
        supervised = await Supervised.started(machine)
        await supervised.waits_for(2)
        await supervised.state_is("waiting_for_tasks")
        await eventually(lambda: "agent.listens" in caplog.messages)
        for _ in range(2):
            assert await synced(supervised) == {"synced": True, "state": "waiting_for_tasks"}


async def test_a_supervisor_that_a_later_daemon_found_is_synced(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """Its process listens at the socket anew."""
    async with daemon_process(machine) as (process, _):
        supervised = await Supervised.started(machine)
        await supervised.waits_for(2)
        process.kill()
        await process.wait()
    caplog.set_level(logging.INFO, "makima_daemon")
    async with machine.daemon():
        await eventually(lambda: "agent.listens" in caplog.messages)
        assert (await synced(supervised))["synced"] is True


async def test_signals_are_for_the_process_that_the_daemon_runs_alone(machine: Machine) -> None:
    """Another process of its user knows all that the agent's knows, and does not take its place."""
    async with machine.daemon():
        supervised = await Supervised.started(machine)
        await supervised.waits_for(2)
        reader, writer = await asyncio.open_unix_connection(machine.workspace.socket)
        for contract_id, role in ((supervised.contract_id, "supervisor"), ("c1", "supervisor"), ("c 1", 5)):
            request = {"op": "signals", "contract_id": contract_id, "role": role}
            writer.write(json.dumps(request).encode() + b"\n")
            answer = json.loads(await reader.readline())
            assert (answer["ok"], "ids" in answer["error"]) == (False, role == 5), answer
        writer.close()
        assert (await synced(supervised))["synced"] is True
