"""A steady heartbeat costs a comparison: it is settled where it says what the log has told already. Who has
ended can be forgotten.
"""

import msgspec
import pytest
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.supervisor import SupervisorState
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.heartbeats import read
from makima_supervisor_heartbeat.domain.sender import Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.sender_state import SenderState
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

from tests.services.supervisor_heartbeat.harness import daemon_beat
from tests.services.supervisor_heartbeat.messages import VALID, address, message
from tests.services.supervisor_heartbeat.sender_cache_world import knowing

SUPERVISOR, DAEMON, AGENT = (
    "makima.shards.3.supervisor.d1.t1",
    "makima.shards.3.daemon.d1",
    "makima.shards.0.agent.d1.c1.builder",
)
AGENTS: dict[str, object] = {
    "contract_id": "c1",
    "role": "builder",
    "connection_id": "a",
    "seq": 1,
    "timestamp": "2026-01-01T00:00:00Z",
}
STATE = SupervisorState(str(VALID["state"]))


def known(
    contract_id: str = "", daemon_id: str = "d1", connection_id: str = "a", state: SupervisorState = STATE
) -> Supervisor:
    return Supervisor(
        contract_id or str(VALID["contract_id"]), daemon_id, connection_id, state, str(VALID["phase"])
    )


def heard(told: SenderState, subject: str, **said: object) -> tuple[Sender, int]:
    """The sender after its heartbeat, of whom the log has told this; and how many observations that gave."""
    senders, where = knowing(str(VALID["contract_id"])), address(subject)
    senders.begin("e1")
    senders.restore(where.sender, told)
    senders.contracts.assign(str(VALID["contract_id"]), ContractAssigned("d1", "first_heard"))
    body = daemon_beat("d1") if subject == DAEMON else (AGENTS if subject == AGENT else VALID) | said
    sender = senders.of(where)
    counts, observations = senders.on_heartbeat(
        sender, read(where, message(msgspec.json.encode(body), 1, subject)), same=False
    )
    assert counts
    return sender, len([one for one, _ in observations if one is sender])


@pytest.mark.parametrize(
    ("told", "subject", "said"),
    [
        (known(), SUPERVISOR, {"connection_id": "a"}),
        (known(), SUPERVISOR, {"connection_id": None}),
        (Daemon(daemon_beat("d1").hostname, connected=True), DAEMON, {}),
        (Agent(status=AgentStatus.WORKING, connection_id="a"), AGENT, {}),
    ],
    ids=["a supervisor", "one that names no connection", "a daemon", "an agent"],
)
def test_a_heartbeat_that_says_what_is_known_is_settled_and_gives_nothing(
    told: SenderState, subject: str, said: dict[str, object]
) -> None:
    sender, observations = heard(told, subject, **said)
    assert (sender.settled, observations) == (True, 0)


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (known(state=SupervisorState.INTERRUPTED), SUPERVISOR),
        (known(daemon_id="d2"), SUPERVISOR),
        (known(connection_id="b"), SUPERVISOR),
        (Daemon(daemon_beat("d1").hostname, connected=False), DAEMON),
        (Daemon("another", connected=True), DAEMON),
        (Daemon(), DAEMON),
    ],
    ids=[
        "another state",
        "another daemon",
        "another connection",
        "a daemon that was gone",
        "another host",
        "a new daemon",
    ],
)
def test_one_that_says_otherwise_is_observed_once(told: SenderState, subject: str) -> None:
    sender, observations = heard(told, subject, connection_id="a")
    assert (sender.settled, observations) == (False, 1)


def test_nobody_is_settled_before_its_first_heartbeat() -> None:
    assert not SenderCache().of(address()).settled


@pytest.mark.parametrize(
    ("told", "subject", "ended"),
    [
        (known(), SUPERVISOR, False),
        (known(state=SupervisorState.INTERRUPTED), SUPERVISOR, True),
        (known(state=SupervisorState.COMPLETED), SUPERVISOR, True),
        (Daemon("box", connected=True), DAEMON, False),
        (Daemon("box", connected=False), DAEMON, True),
        (Agent(), AGENT, True),
        (Agent(status=AgentStatus.READY, connection_id="a"), AGENT, False),
        (Agent(status=AgentStatus.DEAD, connection_id="a"), AGENT, True),
    ],
)
def test_who_does_not_live_and_was_not_heard_since_has_ended(
    told: SenderState, subject: str, *, ended: bool
) -> None:
    senders, where = SenderCache(), address(subject)
    senders.begin("e1")
    senders.restore(where.sender, told)
    beat = read(
        where,
        message(
            msgspec.json.encode(
                daemon_beat("d1") if subject == DAEMON else AGENTS if subject == AGENT else VALID
            ),
            1,
            subject,
        ),
    )
    senders.set_latest(beat)
    assert senders.ended([where.sender], beat.received_ns) == []
    assert senders.ended([where.sender], beat.received_ns + 1) == ([where.sender] if ended else [])
    assert senders.ended(["supervisor-nobody"], beat.received_ns + 1) == []
