"""Random histories of contracts, as a log holds them, with one event a second."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

from makima_contract.domain.state import Contract
from makima_kernel.commands.decider import fold as fold_domain
from makima_kernel.projections.projector import Applied
from makima_schemas.agent import (
    AgentJoined,
    AgentLeft,
    AgentProgressed,
    AgentStatus,
    AgentStatusChanged,
    AgentStuck,
)
from makima_schemas.codec import Event, encode
from makima_schemas.completion import CompletionDetected
from makima_schemas.contract.events import ContractEvent
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Evidence
from makima_schemas.refusal import Refused
from makima_schemas.silence import MassSilenceCleared, StaleCleared, StaleDetected
from makima_schemas.supervisor import (
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
    SupervisorStuck,
)

from tests.services.contract.contract_states import DECIDER
from tests.services.contract.random_commands import next_command

BEGIN = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
EVIDENCE = Evidence(
    BEGIN, 120.0, BEGIN + timedelta(seconds=120), BEGIN + timedelta(seconds=121), 1000.0, "test", 7
)


def recorded(
    event: Event, position: int, *, stream: str = "contract-c1", version: int | None = None
) -> Recorded:
    """One event a second."""
    at = BEGIN + timedelta(seconds=position)
    return Recorded(
        position,
        "default",
        stream,
        version or position,
        uuid4(),
        uuid4(),
        type(event).__name__,
        1,
        encode(event),
        {},
        at,
    )


def walk(seed: int, steps: int) -> tuple[list[ContractEvent], Contract]:
    """A random story of one contract, and what the domain makes of it."""
    random, state, story = Random(seed), DECIDER.initial, list[ContractEvent]()
    for _ in range(steps):
        try:
            events = DECIDER.decide(next_command(random, state), state)
        except Refused:
            continue
        story += events
        state = fold_domain(DECIDER, story)
        if state.deleted:
            break
    return story, state


def log(seed: int, contracts: int = 6) -> list[Applied]:
    """Stories of some contracts, shuffled into each other, and what others say about them."""
    random = Random(seed)
    stories: list[list[tuple[str, Event]]] = []
    for number in range(contracts):
        contract = f"c{number}"
        stories.append([(f"contract-{contract}", event) for event in walk(random.randrange(10**6), 50)[0]])
        stories.append(_others(contract))
        stories.append(_replaced(contract))
    applied: list[Applied] = []
    versions: dict[str, int] = {}
    while any(stories):
        stream, event = random.choice([story for story in stories if story]).pop(0)
        versions[stream] = versions.get(stream, 0) + 1
        applied.append(
            Applied(recorded(event, len(applied) + 1, stream=stream, version=versions[stream]), event)
        )
    return applied


def _others(contract: str) -> list[tuple[str, Event]]:
    supervisor = (contract, "d1", "k1")
    return [
        ("daemon-d1", DaemonConnected("host")),
        (f"supervisor-s-{contract}", SupervisorRegistered(*supervisor, SupervisorState.WORKING, "plan")),
        (f"silence-{contract}", StaleDetected(contract, BEGIN, 1800.0, 1801.5)),
        (f"agent-{contract}:builder", AgentJoined(contract, "builder", "a1", "d1")),
        (
            f"agent-{contract}:builder",
            AgentStatusChanged(contract, "builder", AgentStatus.READY, AgentStatus.WORKING, "task_taken"),
        ),
        (f"agent-{contract}:builder", AgentStuck(contract, "builder", "a1", BEGIN, "thinks")),
        (f"agent-{contract}:builder", AgentProgressed(contract, "builder", "a1", BEGIN)),
        (f"supervisor-s-{contract}", SupervisorStuck(contract, "k1", BEGIN, "thinks")),
        (f"silence-{contract}", StaleCleared(contract)),
        (
            f"supervisor-s-{contract}",
            SupervisorStateChanged(
                *supervisor,
                SupervisorState.WORKING,
                SupervisorState.INTERRUPTED,
                "plan",
                "heartbeat_expired",
                EVIDENCE,
            ),
        ),
        ("silence-local", MassSilenceCleared("hold_expired")),
        (
            f"agent-{contract}:builder",
            AgentJoined(contract, "builder", "a2", None, AgentStatus.WORKING, AgentStatus.READY),
        ),
        (f"agent-{contract}:builder", AgentLeft(contract, "builder", "a2")),
        (f"completion-{contract}", CompletionDetected("execute", 3)),
        ("daemon-d1", DaemonDisconnected(EVIDENCE)),
    ]


def _replaced(contract: str) -> list[tuple[str, Event]]:
    """A second supervisor, which may be heard before, after or between whatever happens else."""
    return [
        (
            f"supervisor-r-{contract}",
            SupervisorRegistered(contract, "d1", "k2", SupervisorState.WORKING, "plan"),
        ),
        (
            f"supervisor-r-{contract}",
            SupervisorStateChanged(
                contract, "d1", "k3", SupervisorState.WORKING, SupervisorState.WORKING, "plan", "heartbeat"
            ),
        ),
    ]
