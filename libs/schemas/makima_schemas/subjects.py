"""Every NATS subject and stream name, in one place."""

from typing import Final

EVENTS_STREAM: Final = "MAKIMA_EVENTS"
HEARTBEATS_STREAM: Final = "MAKIMA_HEARTBEATS"
DEAD_LETTERS_STREAM: Final = "MAKIMA_DEAD_LETTERS"

EVENTS: Final = "makima.events.>"
HEARTBEATS: Final = "makima.heartbeats.>"
DEAD_LETTERS: Final = "makima.dead.>"
COMMANDS: Final = "makima.commands"
LOG_POKE: Final = "makima.poke.log"  # core NATS: the log grew; wakes relays
STATE_FEED: Final = "makima.state.>"
SHARDS: Final = 8  # of the heartbeats' stream, each its own subject
MONITOR_STALE: Final = "makima.monitor.stale"  # core NATS: a contract is still stale; said again and again, no event


def event(category: str, entity_id: str, name: str) -> str:
    """Where the relay publishes an event."""
    return f"makima.events.{category}.{entity_id}.{name}"


def command(service: str, name: str) -> str:
    """Where services, gateway and CLI send a command or query (request/reply)."""
    return f"{COMMANDS}.{service}.{name}"


def daemon_command(principal: str, service: str, name: str) -> str:
    """Where a daemon sends a command; the actor is read from this subject alone."""
    return f"{COMMANDS}.from.{principal}.{service}.{name}"


def supervisor_heartbeat(daemon_id: str, task_id: str) -> str:
    return f"makima.heartbeats.supervisor.{daemon_id}.{task_id}"


def agent_heartbeat(daemon_id: str | None, contract_id: str, role: str) -> str:
    return f"makima.heartbeats.agent.{daemon_id or '_'}.{contract_id}.{role}"


def daemon_heartbeat(daemon_id: str) -> str:
    return f"makima.heartbeats.daemon.{daemon_id}"


def daemon_signal(daemon_id: str, kind: str) -> str:
    return f"makima.signals.daemon.{daemon_id}.{kind}"


def agent_signal(contract_id: str, role: str, kind: str) -> str:
    return f"makima.signals.agent.{contract_id}.{role}.{kind}"


def dead_letter(stream: str, consumer: str) -> str:
    return f"makima.dead.{stream}.{consumer}"


def projected(consumer: str) -> str:
    """Core NATS: a projection of `consumer` committed; the payload is its position as decimal text."""
    return f"makima.poke.projected.{consumer}"


def state(sender_kind: str, sender_id: str) -> str:
    """The coalesced latest state of a sender, each second, from the recorder."""
    return f"makima.state.{sender_kind}.{sender_id}"
