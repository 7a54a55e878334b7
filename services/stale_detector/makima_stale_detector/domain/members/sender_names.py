"""Sender names (`<kind>:<id>`), and the subject and shard of a sender's heartbeats."""

from typing import Final

from makima_schemas import subjects

PREFIX: Final = len("makima.shards.0.")
_DAEMON: Final = 4  # place of the daemon's id in `makima.shards.<n>.<kind>.<daemon>…`

_FNV_OFFSET: Final = 2166136261
_FNV_PRIME: Final = 16777619
_32_BITS: Final = 0xFFFFFFFF


def supervisor(task_id: str) -> str:
    return f"supervisor:{task_id}"


def daemon(daemon_id: str) -> str:
    return f"daemon:{daemon_id}"


def agent(agent_id: str) -> str:
    """`agent_id`: `<contract_id>:<role>`."""
    return f"agent:{agent_id}"


def heartbeat_subject(sender: str, daemon_id: str) -> str:
    """The subject that the sender publishes its heartbeats on, before the broker's mapping to a shard.

    `daemon_id` is empty for an agent without a daemon.
    """
    kind, _, name = sender.partition(":")
    if kind == "daemon":
        return subjects.daemon_heartbeat(name)
    if kind == "supervisor":
        return subjects.supervisor_heartbeat(daemon_id, name)
    contract_id, _, role = name.partition(":")
    return subjects.agent_heartbeat(daemon_id or None, contract_id, role)


def daemon_of(subject: str) -> str:
    """The daemon that a heartbeat's subject in the stream names; empty for an agent without a daemon, and for no
    heartbeat.
    """
    parts = subject.split(".")
    return parts[_DAEMON] if len(parts) > _DAEMON and parts[_DAEMON] != "_" else ""


def shard_of(subject: str, shards: int = subjects.SHARDS) -> int:
    """The shard that nats-server's `{{partition(n)}}` maps a subject to: FNV-1a (32 bit), modulo n."""
    value = _FNV_OFFSET
    for byte in subject.encode():
        value = ((value ^ byte) * _FNV_PRIME) & _32_BITS
    return value % shards
