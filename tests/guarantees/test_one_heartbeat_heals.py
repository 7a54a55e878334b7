"""Guarantee 5: from any stored state, one accepted heartbeat of the newest connection makes its sender
healthy within one cycle.
"""

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_kernel.commands.decider import fold
from makima_kernel.service.settings import Settings
from makima_schemas.commands import Accepted
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, DeclareDisconnected, ObserveDaemon
from makima_schemas.evidence import Arrival
from makima_schemas.supervisor import (
    DeclareSilent,
    ObserveHeartbeat,
    SupervisorEvent,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_supervisor_heartbeat.domain.daemon import Daemon, DaemonDecider
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor
from nats.aio.client import Client

from tests.services.supervisor_heartbeat.harness import daemon_beat, running, supervisor_beat
from tests.services.supervisor_heartbeat.state_strategies import (
    EPOCHS,
    SPOKEN,
    at,
    stored_daemons,
    stored_supervisors,
)


@settings(max_examples=400)
@given(stored_supervisors(), st.sampled_from(SPOKEN), st.booleans(), EPOCHS, st.integers(1, 1000))
def test_of_a_supervisor(
    stored: Supervisor, says: SupervisorState, anew: bool, epoch: str, sequence: int
) -> None:
    """Whatever was stored; a broker that gives sequences out again begins a new epoch of its stream."""
    decider = SupervisorDecider()
    connection = "never seen before" if anew else stored.connection_id
    observed = ObserveHeartbeat("c1", "d1", connection, says, "plan", later(stored, epoch, sequence))
    events: list[SupervisorEvent] = decider.decide(observed, stored)
    healed = fold(decider, events, stored)
    assert (healed.state, healed.connection_id, healed.daemon_id, healed.evidence) == (
        says,
        connection,
        "d1",
        None,
    )


@given(stored_daemons(), EPOCHS, st.integers(1, 1000))
def test_of_a_daemon(stored: Daemon, epoch: str, sequence: int) -> None:
    decider = DaemonDecider()
    observed = ObserveDaemon("box", later(stored, epoch, sequence))
    healed = fold(decider, decider.decide(observed, stored), stored)
    assert (healed.connected, healed.hostname, healed.evidence) == (True, "box", None)


def later(stored: Supervisor | Daemon, epoch: str, sequence: int) -> Arrival:
    """The arrival of a heartbeat that is newer than all that is stored: sequences order those of one epoch."""
    known = [
        (seen.stream_epoch, seen.stream_sequence)
        for seen in (stored.heard, stored.evidence)
        if seen is not None
    ]
    newest = max((each for of, each in known if of in ("", epoch)), default=0)
    return at(epoch, newest + sequence, 1000)


async def test_in_the_running_system_whatever_was_cleaned_up_meanwhile(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """A verdict each, then every table of ours emptied, then a restart; one heartbeat each, and both are
    healthy in the log.
    """
    chosen = Settings(database_url=database, nats_url=nats_url, stream_budget=0.01)
    async with running(chosen, pool, nats) as fleet:
        spoken, shown = await fleet.beat(supervisor_beat("t1")), await fleet.beat(daemon_beat("d1"))
        await fleet.until("supervisor-t1", 1)
        await fleet.recorded()
        for reply in (
            await fleet.ask("t1", DeclareSilent("t1-1", await fleet.evidence(spoken))),
            await fleet.ask("d1", DeclareDisconnected(await fleet.evidence(shown))),
        ):
            assert isinstance(reply, Accepted)
            assert reply.changed
        known = len(await fleet.events("daemon-d1"))
    await pool.execute("truncate supervisor_heartbeat.heartbeats, supervisor_heartbeat.latest")
    async with running(chosen, pool, nats) as fleet:
        await fleet.beat(supervisor_beat("t1"))
        await fleet.beat(daemon_beat("d1"))
        *_, interrupted, healed = await fleet.until("supervisor-t1", 3)
        assert isinstance(interrupted, SupervisorStateChanged)
        assert isinstance(healed, SupervisorStateChanged)
        assert (interrupted.new_state, healed.new_state) == (
            SupervisorState.INTERRUPTED,
            SupervisorState.WORKING,
        )
        *_, gone, back = await fleet.until("daemon-d1", known + 1)
        assert (type(gone), type(back)) == (DaemonDisconnected, DaemonConnected)
