"""Guarantee 5: from any stored state, one accepted heartbeat of the newest connection makes its sender healthy within one cycle."""

from datetime import UTC, datetime, timedelta

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_kernel.commands.decider import fold
from makima_kernel.service.settings import Settings
from makima_schemas.commands import Accepted
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, DeclareDisconnected, ObserveDaemon
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import DeclareSilent, ObserveHeartbeat, SupervisorEvent, SupervisorState, SupervisorStateChanged
from makima_supervisor_heartbeat.domain.daemon import Daemon, DaemonDecider
from makima_supervisor_heartbeat.domain.supervisor import Supervisor, SupervisorDecider
from makima_supervisor_heartbeat.domain.verdict import JudgeDisconnected, JudgeSilence
from nats.aio.client import Client

from tests.services.supervisor_heartbeat.harness import daemon_beat, running, supervisor_beat

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPOKEN = [state for state in SupervisorState if state is not SupervisorState.INTERRUPTED]
CONNECTIONS = st.sampled_from((None, "a", "b", "c"))
EPOCHS = st.sampled_from(("e1", "e2"))


def at(epoch: str, sequence: int, clock: int) -> Arrival:
    return Arrival(epoch, sequence, NOON + timedelta(seconds=clock))


@st.composite
def evidences(draw: st.DrawFn, before: int) -> Evidence:
    """What a detector may have said before second `before`: it may have heard the sender, or not, in this stream or another."""
    watermark = NOON + timedelta(seconds=draw(st.integers(0, before - 1)))
    heard = draw(st.booleans())
    sequence = draw(st.integers(1, 500)) if heard else 0
    return Evidence(watermark if heard else None, 30.0, watermark, watermark, 0.0, "any", sequence, draw(EPOCHS) if heard else "")


@st.composite
def stored_supervisors(draw: st.DrawFn) -> Supervisor:
    """The fold of any commands, accepted or refused, with arrivals and evidence in any order, all before second 1000."""
    decider, state = SupervisorDecider(), Supervisor()
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            arrival = at(draw(EPOCHS), draw(st.integers(1, 500)), draw(st.integers(0, 999)))
            events = decider.decide(
                ObserveHeartbeat(
                    "c1", draw(st.sampled_from(("d1", "d2"))), draw(CONNECTIONS), draw(st.sampled_from(SPOKEN)), "plan", arrival
                ),
                state,
            )
        else:
            events = decider.decide(JudgeSilence(state.connection_id, draw(evidences(1000)), None), state)
        state = fold(decider, events, state)
    return state


@st.composite
def stored_daemons(draw: st.DrawFn) -> Daemon:
    decider, state = DaemonDecider(), Daemon()
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            arrival = at(draw(EPOCHS), draw(st.integers(1, 500)), draw(st.integers(0, 999)))
            events = decider.decide(ObserveDaemon(draw(st.sampled_from(("", "box"))), arrival), state)
        else:
            events = decider.decide(JudgeDisconnected(draw(evidences(1000)), None), state)
        state = fold(decider, events, state)
    return state


@settings(max_examples=400)
@given(stored_supervisors(), st.sampled_from(SPOKEN), st.booleans(), EPOCHS, st.integers(1, 1000))
def test_of_a_supervisor(stored: Supervisor, says: SupervisorState, anew: bool, epoch: str, sequence: int) -> None:
    """Whatever was stored, and also where a broker gives sequences out again: what arrives later is believed."""
    decider = SupervisorDecider()
    connection = "never seen before" if anew else stored.connection_id
    observed = ObserveHeartbeat("c1", "d1", connection, says, "plan", at(epoch, sequence, 1000))
    events: list[SupervisorEvent] = decider.decide(observed, stored)
    healed = fold(decider, events, stored)
    assert (healed.state, healed.connection_id, healed.daemon_id, healed.evidence) == (says, connection, "d1", None)


@given(stored_daemons(), EPOCHS, st.integers(1, 1000))
def test_of_a_daemon(stored: Daemon, epoch: str, sequence: int) -> None:
    decider = DaemonDecider()
    healed = fold(decider, decider.decide(ObserveDaemon("box", at(epoch, sequence, 1000)), stored), stored)
    assert (healed.connected, healed.hostname, healed.evidence) == (True, "box", None)


async def test_in_the_running_system_whatever_was_cleaned_up_meanwhile(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """A verdict each, then every table of ours emptied, then a restart; one heartbeat each, and both are healthy in the log."""
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
        assert (interrupted.new_state, healed.new_state) == (SupervisorState.INTERRUPTED, SupervisorState.WORKING)
        *_, gone, back = await fleet.until("daemon-d1", known + 1)
        assert (type(gone), type(back)) == (DaemonDisconnected, DaemonConnected)
