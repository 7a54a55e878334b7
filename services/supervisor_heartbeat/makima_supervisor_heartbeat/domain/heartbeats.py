"""The recorder's common form of supervisor, agent and daemon heartbeats, and its decoding."""

from collections.abc import Mapping

import msgspec
from makima_kernel.nats.message import Message
from makima_schemas.heartbeat import ChildProcess
from makima_schemas.heartbeat_codec import Address
from makima_schemas.heartbeat_reader import quiet_time, read_agent, read_daemon, read_supervisor
from makima_schemas.supervisor import SupervisorState


class Beat(msgspec.Struct, frozen=True, gc=False):
    """A heartbeat of a supervisor, an agent or a daemon. Fields that its kind does not have are None."""

    # Kind and ids of the sender, from the subject; one object per subject, compared by identity.
    address: Address
    sequence: int  # in the heartbeat stream
    received_ns: int  # the broker's timestamp, Unix ns
    contract_id: str | None
    connection_id: str | None
    state: SupervisorState | None
    phase: str | None
    activity: str | None
    progress: int | None  # percent, 0 to 100
    detail: str | None  # JSON object of the fields that only this kind of sender has
    hostname: str = ""  # daemons only
    # Its number within its connection; -1: it says none, or no connection, and its arrival orders it.
    seq: int = -1
    unfit: str | None = None  # what of it was cut or dropped, and why; None: nothing
    child: ChildProcess | None = None  # agents only: the process that it waits for
    quiet_ns: int = 0  # for how long it announces to be quiet


def unchanged(beat: Beat, previous: Beat | None) -> bool:
    """True if two heartbeats of a sender differ at most in activity, progress and detail."""
    return (
        previous is not None
        and beat.address is previous.address
        and beat.state is previous.state
        and beat.connection_id == previous.connection_id
        and beat.contract_id == previous.contract_id
        and beat.phase == previous.phase
        and beat.hostname == previous.hostname
    )


def is_late(beat: Beat, newest: Beat | None) -> bool:
    """True if the heartbeat was sent before `newest`, of the same connection, and arrived after it.

    It proves that its sender lives, as any arrival, but its state is an old one (agents.md, Heartbeats).
    """
    return newest is not None and -1 < beat.seq < newest.seq and beat.connection_id == newest.connection_id


def read(address: Address, message: Message) -> Beat:
    """Decode a message into a heartbeat. Raises `MalformedHeartbeatError`."""
    match address.kind:
        case "supervisor":
            return _supervisor(address, message)
        case "agent":
            return _agent(address, message)
        case "daemon":
            return _daemon(address, message)


def _supervisor(address: Address, message: Message) -> Beat:
    heartbeat, unfit = read_supervisor(address.entity_id, message.payload, message.headers)
    return Beat(
        address,
        message.sequence,
        message.timestamp_ns,
        heartbeat.contract_id,
        heartbeat.connection_id,
        heartbeat.state,
        heartbeat.phase,
        heartbeat.current_activity,
        heartbeat.progress,
        '{"pending_task_ids":["' + '","'.join(heartbeat.pending_task_ids) + '"]}'
        if heartbeat.pending_task_ids
        else None,
        "",
        -1 if heartbeat.seq is None or heartbeat.connection_id is None else heartbeat.seq,
        unfit,
        None,
        0 if heartbeat.quiet_until is None else quiet_time(heartbeat),
    )


def _agent(address: Address, message: Message) -> Beat:
    heartbeat, unfit = read_agent(address.contract_id, address.role, message.payload, message.headers)
    own = {"child": heartbeat.child, "quiet_until": heartbeat.quiet_until}
    return Beat(
        address,
        message.sequence,
        message.timestamp_ns,
        heartbeat.contract_id,
        heartbeat.connection_id,
        None,
        None,
        heartbeat.activity,
        heartbeat.progress,
        _detail(own),
        "",
        # One that does not fit orders nothing.
        heartbeat.seq if heartbeat.seq or unfit is None else -1,
        unfit,
        heartbeat.child,
        0 if heartbeat.quiet_until is None else quiet_time(heartbeat),
    )


def _daemon(address: Address, message: Message) -> Beat:
    heartbeat, unfit = read_daemon(address.entity_id, message.payload, message.headers)
    own = {
        "hostname": heartbeat.hostname,
        "agents": heartbeat.agents,
        "worktrees": heartbeat.worktrees,
        "capacity": heartbeat.capacity,
    }
    return Beat(
        address,
        message.sequence,
        message.timestamp_ns,
        None,
        None,
        None,
        None,
        None,
        None,
        _detail(own),
        heartbeat.hostname,
        unfit=unfit,
    )


def _detail(members: Mapping[str, object]) -> str | None:
    given = {name: value for name, value in members.items() if value is not None}
    return msgspec.json.encode(given).decode() if given else None
