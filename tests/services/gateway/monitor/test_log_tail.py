"""What the hub goes by when the process remembers another position than the read model has."""

import asyncpg
import httpx
from makima_gateway.monitor.log_tail import LogTail
from makima_gateway.monitor.row_board import RowBoard
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.projection import ReadModel
from makima_gateway.read_model.queries import Queries
from makima_kernel.projections.projector import Projector
from makima_kernel.testing import eventually
from nats.aio.client import Client

from tests.background import running
from tests.services.gateway.harness import Gateways, act, created


async def test_a_replica_that_remembers_a_position_of_before_a_restore_misses_nothing(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    standby = Projector(ReadModel(), pool, gateways.log, nats, owner="standby")
    standby.position = 50
    queries = Queries(pool)
    board = RowBoard(queries, gateways.log, LatestHeartbeats(), enhanced=True)
    hub = LogTail(queries, standby, board)
    async with running(hub.run()):
        await hub.started.wait()
        begun = hub.position
        await act(http, contract, "start")
        head = await gateways.log.head()
        assert head < standby.position
        await eventually(lambda: hub.position >= head)
    assert [event.contract_id for event in hub.read_after(begun) or []] == [contract]
