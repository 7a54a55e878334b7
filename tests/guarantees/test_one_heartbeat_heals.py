"""Guarantee 5: from any stored state, one accepted heartbeat of the newest connection makes its sender healthy within one cycle."""

from datetime import UTC, datetime, timedelta

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_kernel.decider import fold
from makima_kernel.service.settings import Settings
from makima_schemas.commands import Accepted
from makima_schemas.daemon import DaemonConnected, DeclareDisconnected
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import DeclareSilent, ObserveHeartbeat, SupervisorState, SupervisorStateChanged
from nats.aio.client import Client

from services.supervisor_heartbeat.domain.supervisor import Supervisor, SupervisorDecider
from services.supervisor_heartbeat.domain.verdict import JudgeSilence
from tests.services.supervisor_heartbeat.running import daemon_beat, running, supervisor_beat

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPOKEN = [state for state in SupervisorState if state is not SupervisorState.INTERRUPTED]
DECIDER = SupervisorDecider()

heartbeats = st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["d1", "d2"]), st.sampled_from(SPOKEN))
verdicts = st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 60))


def at(sequence: int) -> Arrival:
    return Arrival("e1", sequence, NOON + timedelta(seconds=sequence))


def observed(sequence: int, connection: str | None, daemon: str, state: SupervisorState) -> ObserveHeartbeat:
    return ObserveHeartbeat("c1", daemon, connection, state, "plan", at(sequence))


def judged(connection: str | None, heard: int, now: int) -> JudgeSilence:
    last = NOON + timedelta(seconds=heard) if heard else None
    watermark = NOON + timedelta(seconds=now)
    return JudgeSilence(connection, Evidence(last, 5.0, watermark, watermark, 0.0, "test", heard, "e1"), None)


def live(story: list[tuple[str | None, str, SupervisorState] | tuple[str | None, int]]) -> Supervisor:
    """The state after heartbeats and verdicts of any connections in any order, as the log would tell it."""
    supervisor = DECIDER.initial
    for sequence, step in enumerate(story, start=1):
        match step:
            case (connection, str() as daemon, SupervisorState() as state):
                command = observed(sequence, connection, daemon, state)
            case (connection, int() as heard):
                command = judged(connection, min(heard, sequence), sequence)
        supervisor = fold(DECIDER, DECIDER.decide(command, supervisor), supervisor)
    return supervisor


@settings(max_examples=400)
@given(st.lists(st.one_of(heartbeats, verdicts), max_size=40), st.sampled_from(SPOKEN), st.booleans())
def test_whatever_happened_the_next_heartbeat_is_what_the_log_says(
    story: list[tuple[object, ...]], state: SupervisorState, new: bool
) -> None:
    supervisor = live(story)  # pyright: ignore[reportArgumentType] - hypothesis forgets which tuple is which
    connection = "newest" if new else supervisor.connection_id
    healed = fold(DECIDER, DECIDER.decide(observed(1000, connection, "d9", state), supervisor), supervisor)
    assert (healed.state, healed.connection_id, healed.daemon_id) == (state, connection, "d9")
    assert healed.state is not SupervisorState.INTERRUPTED
    assert healed.evidence is None, "no verdict is in force any more"


async def test_it_heals_through_a_restart_and_whatever_was_cleaned_up(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    chosen = Settings(database_url=database, nats_url=nats_url, stream_budget=0.01)
    async with running(chosen, pool, nats) as fleet:
        beats = await fleet.beat(supervisor_beat("t1")), await fleet.beat(daemon_beat("d2"))
        await fleet.until("supervisor-t1", 1)
        await fleet.until("daemon-d2", 1)
        await fleet.recorded()
        assert isinstance(await fleet.ask("t1", DeclareSilent("t1-1", await fleet.evidence(beats[0]))), Accepted)
        assert isinstance(await fleet.ask("d2", DeclareDisconnected(await fleet.evidence(beats[1]))), Accepted)
    await pool.execute("truncate supervisor_heartbeat.latest, supervisor_heartbeat.heartbeats")
    async with running(chosen, pool, nats) as fleet:
        await fleet.beat(supervisor_beat("t1"))
        await fleet.beat(daemon_beat("d2", seq=2))
        *_, silent, healed = await fleet.until("supervisor-t1", 3)
        assert isinstance(silent, SupervisorStateChanged)
        assert isinstance(healed, SupervisorStateChanged)
        assert (silent.new_state, healed.new_state) == (SupervisorState.INTERRUPTED, SupervisorState.WORKING)
        *_, connected = await fleet.until("daemon-d2", 3)
        assert connected == DaemonConnected("host", heard=connected.heard if isinstance(connected, DaemonConnected) else None)
