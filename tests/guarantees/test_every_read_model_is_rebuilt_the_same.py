"""Guarantee 3, for the read models that we ship: whatever batches it grew in, rebuilding it gives the same
rows.
"""

from random import Random

import asyncpg
import pytest
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentLeft
from makima_schemas.codec import Event
from makima_schemas.contract.events import TaskClaimed, TaskCreated
from makima_schemas.daemon import DaemonAdmitted, DaemonConnected
from makima_schemas.evidence import Arrival
from makima_schemas.silence import MassSilenceSuspected, SilenceDetected
from makima_schemas.supervisor import RestorationProved, RestorationRequested, SupervisorSaved
from nats.aio.client import Client

from tests.background import running
from tests.guarantees.read_models import OURS, rows
from tests.kernel.event_log.filling import append
from tests.servers import BUDGET
from tests.services.contract.contract_states import opened
from tests.services.gateway.read_model.random_logs import BEGIN, EVIDENCE, log

ARRIVAL = Arrival("e1", 7, BEGIN)
NEVER_FILLED_HERE = {
    "stale_detector.owed"
}  # what is owed is told at once, and its telling is an event of this log, too


def the_log(seed: int) -> list[tuple[str, Event]]:
    """Stories of contracts, supervisors, agents, daemons and silences, shuffled into each other."""
    told = [(item.recorded.stream, item.event) for item in log(seed, contracts=4)]
    more: list[tuple[str, Event]] = [
        ("silence-supervisor:s-c1", SilenceDetected("supervisor", "s-c1", "c1", "k1", EVIDENCE)),
        ("silence-owner:ada", MassSilenceSuspected(10, 6)),
        ("agent-c1:builder", AgentJoined("c1", "builder", "k2", "d1")),
        ("agent-c2:builder", AgentJoined("c2", "builder", "k3", "d1")),
        ("agent-c2:builder", AgentLeft("c2", "builder", "k3")),
        ("contract-new", opened()),
        ("daemon-d2", DaemonAdmitted("d2", "ada")),
        ("daemon-d2", DaemonConnected("elsewhere")),
    ]
    chance = Random(seed)
    for said in more:
        told.insert(chance.randrange(len(told)), said)
    held: list[tuple[str, Event]] = [  # by an agent that does not follow it yet
        ("contract-new", TaskCreated("held", "build", "plan", "builder")),
        ("contract-new", TaskClaimed("held", "builder", "k4")),
        ("agent-new:builder", AgentJoined("new", "builder", "k4", "d1")),
    ]
    saved: list[tuple[str, Event]] = [  # by one whose contract is not assigned to it yet
        ("supervisor-s-new", SupervisorSaved("new", "k5", "activity", '{"activity": "reads"}', 1, "", "h1")),
        ("supervisor-s-new", RestorationRequested("new", "d2", "k6", "resumed", "h1", ARRIVAL)),
        ("supervisor-s-new", RestorationProved("new", "d2", "k6", ARRIVAL)),
    ]
    return [*told, *held, *saved]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("projection", OURS, ids=lambda projection: projection.name)
async def test_rebuilding_it_gives_the_same_rows(
    projection: Projection, seed: int, pool: asyncpg.Pool, nats: Client
) -> None:
    source, chance = Log(pool), Random(seed)
    await streams.provision(nats, source, budget=BUDGET)
    projector = Projector(projection, pool, source, nats, owner="me", max_batch=chance.choice((3, 7, 40)))
    async with running(projector.run()):
        for stream, event in the_log(seed):
            await append(pool, stream, new_event(event))
        head = await source.head()
        await eventually(lambda: projector.position == head)
        await eventually(lambda: projector.ready() is None)
    before = await rows(pool, projection)
    assert {table for table, found in before.items() if not found} <= NEVER_FILLED_HERE, (
        "the log has nothing for these"
    )
    for max_batch in (5000, 11):
        assert await rebuild(projection, pool, source, max_batch=max_batch) == head
        assert await rows(pool, projection) == before
