"""Streams that an operator has spread over more servers stay there, also when somebody provisions with fewer replicas."""

import os
import sys
from asyncio.subprocess import create_subprocess_exec
from pathlib import Path

import asyncpg
import nats as nats_py
import pytest
from makima_cli.up.prepare import provision_bus, settings_for
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision, streams, verify
from makima_kernel.relay.stream_identity import new_epoch

from tests.faults.cluster import SERVERS, Cluster
from tests.servers import BUDGET


async def test_provisioning_does_not_lower_what_an_operator_raised(
    database: str, pool: asyncpg.Pool, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKIMA_STREAM_BUDGET", str(BUDGET))
    cluster = Cluster(server_folder / "cluster")
    await cluster.start()
    nats = await nats_py.connect(cluster.url)
    try:
        await cluster.elected(nats)
        await provision(nats, Log(pool), budget=BUDGET)
        jetstream = nats.jetstream()
        names = [config.name or "" for config in streams()]
        for name in names:
            found = (await jetstream.stream_info(name)).config
            assert found.num_replicas == 1
            await jetstream.update_stream(found.evolve(num_replicas=SERVERS))

        async def kept() -> list[int | None]:
            return [(await jetstream.stream_info(name)).config.num_replicas for name in names]

        await upgrade(database, cluster)
        assert await kept() == [SERVERS] * len(names)
        await provision_bus(settings_for(database, cluster.url))  # as `makima up` starts beside other servers
        assert await kept() == [SERVERS] * len(names)
        await new_epoch(pool, nats, budget=BUDGET)
        assert await kept() == [SERVERS] * len(names)
        await verify(nats)
    finally:
        await nats.close()
        await cluster.stop()


async def upgrade(database: str, cluster: Cluster) -> None:
    """The step of an upgrade that sees to the streams; the setting `stream_replicas` is 1 by default."""
    environment = {
        **os.environ,
        "MAKIMA_DATABASE_URL": database,
        "MAKIMA_NATS_URL": cluster.url,
    }
    command = (sys.executable, "-m", "makima_kernel.service.provision")
    assert await (await create_subprocess_exec(*command, env=environment)).wait() == 0
