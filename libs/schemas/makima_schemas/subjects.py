"""Every NATS subject and stream name, in one place."""

from typing import Final

EVENTS_STREAM: Final = "MAKIMA_EVENTS"
HEARTBEATS_STREAM: Final = "MAKIMA_HEARTBEATS"
DEAD_LETTERS_STREAM: Final = "MAKIMA_DEAD_LETTERS"

EVENTS: Final = "makima.events.>"
HEARTBEATS: Final = "makima.heartbeats.>"
DEAD_LETTERS: Final = "makima.dead.>"
COMMANDS: Final = "makima.commands"
LOG_POKE: Final = "makima.poke.log"  # core NATS, without payload: the log grew; wakes the relays
# Core NATS: asks each replica of each service how it is; each answers to the reply subject.
STATUS: Final = "makima.poke.status"
STATE_FEED: Final = "makima.state.>"
SHARDS: Final = 8  # of the heartbeats' stream; each has a subject prefix of its own
# Core NATS: repeated reminders that a contract is still stale; not an event.
MONITOR_STALE: Final = "makima.monitor.stale"


def event(category: str, entity_id: str, name: str) -> str:
    """The subject on which the relay publishes an event."""
    return f"makima.events.{category}.{entity_id}.{name}"


def command(service: str, name: str) -> str:
    """The subject to which services, gateway and CLI send a command or query (request/reply)."""
    return f"{COMMANDS}.{service}.{name}"


def daemon_command(principal: str, service: str, name: str) -> str:
    """The subject to which a daemon sends a command;
    the actor is taken from this subject, never from the body.
    """
    return f"{COMMANDS}.from.{principal}.{service}.{name}"


def supervisor_heartbeat(daemon_id: str, task_id: str) -> str:
    return f"makima.heartbeats.supervisor.{daemon_id}.{task_id}"


def agent_heartbeat(daemon_id: str | None, contract_id: str, role: str) -> str:
    return f"makima.heartbeats.agent.{daemon_id or '_'}.{contract_id}.{role}"


def daemon_heartbeat(daemon_id: str) -> str:
    return f"makima.heartbeats.daemon.{daemon_id}"


def daemon_signal(daemon_id: str, kind: str) -> str:
    """What a daemon is told, also of its agents: the body names contract, role and connection."""
    return f"makima.signals.daemon.{daemon_id}.{kind}"


def dead_letter(stream: str, consumer: str) -> str:
    return f"makima.dead.{stream}.{consumer}"


def projected(consumer: str) -> str:
    """Core NATS: the projection `consumer` has committed; the payload is its position as decimal text."""
    return f"makima.poke.projected.{consumer}"


def state(sender_kind: str, sender_id: str) -> str:
    """Core NATS: the latest state of a sender, published by the recorder at most once per second."""
    return f"makima.state.{sender_kind}.{sender_id}"
