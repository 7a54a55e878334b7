"""A message of the heartbeat stream, read: a heartbeat whose subject and body agree, or the reason why it is none."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from makima_kernel.bus.message import Message
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES, AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.identity import agent_id, is_id, stream_name
from makima_schemas.silence import SenderKind
from makima_schemas.supervisor import SupervisorState

NO_DAEMON: Final = "_"
_IDS: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(,[A-Za-z0-9_-]{1,64})*")
_SUPERVISOR: Final = msgspec.json.Decoder(SupervisorHeartbeat)
_AGENT: Final = msgspec.json.Decoder(AgentHeartbeat)
_DAEMON: Final = msgspec.json.Decoder(DaemonHeartbeat)


class UnreadableError(ValueError):
    """The message is no heartbeat of ours; the text is the reason that goes with it to the dead letters."""


class Address(msgspec.Struct, frozen=True, gc=False):
    """Who sends on a subject. `sender` is the name of its stream in the log, `entity_id` what follows the category there."""

    kind: SenderKind
    sender: str
    entity_id: str
    daemon_id: str | None
    contract_id: str | None = None
    role: str | None = None


class Beat(msgspec.Struct, frozen=True, gc=False):
    """A heartbeat, whoever sent it. `received_ns` is the broker's clock, `sequence` the place in its stream; `detail` is the JSON
    of what only this kind of sender says.
    """

    address: Address
    sequence: int
    received_ns: int
    contract_id: str | None
    connection_id: str | None
    state: SupervisorState | None
    phase: str | None
    activity: str | None
    progress: int | None
    detail: str | None
    hostname: str = ""


def unchanged(beat: Beat, previous: Beat | None) -> bool:
    """Whether two heartbeats of a sender say the same of everything but its activity."""
    return (
        previous is not None
        and beat.address is previous.address
        and beat.state is previous.state
        and beat.connection_id == previous.connection_id
        and beat.contract_id == previous.contract_id
        and beat.phase == previous.phase
        and beat.hostname == previous.hostname
    )


def read_subject(subject: str) -> Address | None:
    """Who sends on `makima.shards.<k>.<kind>.…`; None for a canary. Raises `UnreadableError`."""
    match subject.split(".")[3:]:
        case ["canary"]:
            return None
        case ["supervisor", daemon_id, task_id] if is_id(daemon_id) and is_id(task_id):
            return Address("supervisor", stream_name("supervisor", task_id), task_id, daemon_id)
        case ["agent", daemon_id, contract_id, role] if is_id(daemon_id) and is_id(contract_id) and is_id(role):
            entity_id = agent_id(contract_id, role)
            return Address(
                "agent", stream_name("agent", entity_id), entity_id, None if daemon_id == NO_DAEMON else daemon_id, contract_id, role
            )
        case ["daemon", daemon_id] if is_id(daemon_id):
            return Address("daemon", stream_name("daemon", daemon_id), daemon_id, daemon_id)
        case rest:
            raise UnreadableError(f"no sender has the subject …{'.'.join(rest)}")


def read(address: Address, message: Message, previous: Beat | None) -> Beat:
    """The heartbeat that a message says. `previous` is one of the same sender: ids that it carried need no second look.

    Raises `UnreadableError`.
    """
    payload = message.payload
    if len(payload) > MAX_HEARTBEAT_BYTES:
        raise UnreadableError(f"a heartbeat is at most {MAX_HEARTBEAT_BYTES} bytes, this one has {len(payload)}")
    if message.headers is not None and "json" not in (kind := message.headers.get("Content-Type", "application/json")):
        raise UnreadableError(f"content type {kind!r} is not understood; heartbeats are JSON")
    try:
        match address.kind:
            case "supervisor":
                beat = _supervisor(address, message)
            case "agent":
                beat = _agent(address, message)
            case "daemon":
                beat = _daemon(address, message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(str(error)) from error
    if previous is None or previous.contract_id != beat.contract_id or previous.connection_id != beat.connection_id:
        _require_ids(each for each in (beat.contract_id, beat.connection_id) if each is not None)
    if b"\\u0000" in payload and any("\0" in text for text in (beat.phase, beat.activity, beat.hostname) if text):
        raise UnreadableError("a text holds a NUL character, which no database keeps")
    return beat


def _supervisor(address: Address, message: Message) -> Beat:
    said = _SUPERVISOR.decode(message.payload)
    if said.task_id != address.entity_id:
        raise UnreadableError(f"the subject says task {address.entity_id}, the body {said.task_id}")
    if said.state is SupervisorState.INTERRUPTED:
        raise UnreadableError("no supervisor is interrupted while it speaks: that is the system's word for a silent one")
    detail = None
    if said.pending_task_ids:
        listed = ",".join(said.pending_task_ids)
        if _IDS.fullmatch(listed) is None or listed.count(",") != len(said.pending_task_ids) - 1:
            _require_ids(said.pending_task_ids)
        detail = '{"pending_task_ids":["' + listed.replace(",", '","') + '"]}'
    return Beat(
        address,
        message.sequence,
        message.timestamp_ns,
        said.contract_id,
        said.connection_id,
        said.state,
        said.phase,
        said.current_activity,
        said.progress,
        detail,
    )


def _agent(address: Address, message: Message) -> Beat:
    said = _AGENT.decode(message.payload)
    if (said.contract_id, said.role) != (address.contract_id, address.role):
        raise UnreadableError(f"the subject says agent {address.entity_id}, the body {agent_id(said.contract_id, said.role)}")
    own = {"child": said.child, "quiet_until": said.quiet_until}
    return Beat(
        address,
        message.sequence,
        message.timestamp_ns,
        said.contract_id,
        said.connection_id,
        None,
        None,
        said.activity,
        said.progress,
        _detail(own),
    )


def _daemon(address: Address, message: Message) -> Beat:
    said = _DAEMON.decode(message.payload)
    if said.daemon_id != address.entity_id:
        raise UnreadableError(f"the subject says daemon {address.entity_id}, the body {said.daemon_id}")
    own = {"hostname": said.hostname, "agents": said.agents, "worktrees": said.worktrees, "capacity": said.capacity}
    return Beat(address, message.sequence, message.timestamp_ns, None, None, None, None, None, None, _detail(own), said.hostname)


def _detail(members: Mapping[str, object]) -> str | None:
    told = {name: value for name, value in members.items() if value is not None}
    if not told:
        return None
    text = _json(told)
    if "\\u0000" in text:
        raise UnreadableError("a text holds a NUL character, which no database keeps")
    return text


def _json(members: Mapping[str, object]) -> str:
    return msgspec.json.encode(members).decode()


def _require_ids(ids: Iterable[str]) -> None:
    for each in ids:
        if not is_id(each):
            raise UnreadableError(f"{each!r} is no id: ids match [A-Za-z0-9_-]{{1,64}}")
