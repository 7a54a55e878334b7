"""What moves a simple contract on, as commands and events."""

from uuid import uuid4

from makima_kernel.event_log.append import Append, new_event
from makima_schemas.agent import AgentJoined
from makima_schemas.codec import Event
from makima_schemas.contract import commands as c
from makima_schemas.envelope import EventMeta
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.services.completion_detector.conftest import World

PLANNED = c.CompleteDeliverable("plan-document")
SHIPPED = c.CompleteDeliverable("pull-request")


async def supervised(world: World, contract_id: str, daemon_id: str) -> None:
    """The log says that `daemon_id` runs the contract's supervisor."""
    event = SupervisorRegistered(contract_id, daemon_id, "a-connection", SupervisorState.WORKING, "execute")
    await _logged(world, f"supervisor-of-{contract_id}", event)


async def joined(world: World, contract_id: str, daemon_id: str | None) -> None:
    """The log says that a builder of the contract joined, under this daemon or none."""
    event = AgentJoined(contract_id, "builder", f"of-{daemon_id}", daemon_id)
    await _logged(world, f"agent-of-{contract_id}-{daemon_id}", event)


async def _logged(world: World, stream: str, event: Event) -> None:
    append = Append(
        "default",
        stream,
        uuid4(),
        b"",
        None,
        (new_event(event),),
        EventMeta(actor="test"),
    )
    await world.contract.appender.append(append)
