"""Any state of a supervisor or a daemon that the log can hold, as strategies of hypothesis."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from makima_kernel.commands.decider import fold
from makima_schemas.daemon import ObserveDaemon
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import ObserveHeartbeat, SupervisorState
from makima_supervisor_heartbeat.domain.daemon import Daemon, DaemonDecider
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor
from makima_supervisor_heartbeat.domain.verdict import JudgeDisconnected, JudgeSilence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPOKEN = [state for state in SupervisorState if state is not SupervisorState.INTERRUPTED]
CONNECTIONS = st.sampled_from((None, "a", "b", "c"))
EPOCHS = st.sampled_from(("e1", "e2"))


def at(epoch: str, sequence: int, clock: int) -> Arrival:
    return Arrival(epoch, sequence, NOON + timedelta(seconds=clock))


@st.composite
def evidences(draw: st.DrawFn, before: int) -> Evidence:
    """What a detector may have said before second `before`: it may have heard the sender, or not, in this
    stream or another.
    """
    watermark = NOON + timedelta(seconds=draw(st.integers(0, before - 1)))
    heard = draw(st.booleans())
    sequence = draw(st.integers(1, 500)) if heard else 0
    return Evidence(
        watermark if heard else None,
        30.0,
        watermark,
        watermark,
        0.0,
        "any",
        sequence,
        draw(EPOCHS) if heard else "",
    )


@st.composite
def stored_supervisors(draw: st.DrawFn) -> Supervisor:
    """The fold of any commands, accepted or refused, with arrivals and evidence in any order, all before
    second 1000.
    """
    decider, state = SupervisorDecider(), Supervisor()
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            arrival = at(draw(EPOCHS), draw(st.integers(1, 500)), draw(st.integers(0, 999)))
            events = decider.decide(
                ObserveHeartbeat(
                    "c1",
                    draw(st.sampled_from(("d1", "d2"))),
                    draw(CONNECTIONS),
                    draw(st.sampled_from(SPOKEN)),
                    "plan",
                    arrival,
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
