"""Decodes messages of the heartbeat stream: the sender from the subject, the heartbeat from the body.

This is what fits, to the letter; the SDK checks with it what it is about to send. The recorder and the detector
read with `heartbeat_reader`, which makes fit what can be made to.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec

from makima_schemas import heartbeat_protobuf
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES, AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.identity import agent_id, is_id, stream_name
from makima_schemas.silence import SenderKind
from makima_schemas.supervisor import SupervisorState

NO_DAEMON: Final = "_"  # the subject's token for an agent without a daemon
_IDS: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(,[A-Za-z0-9_-]{1,64})*")
_SUPERVISOR: Final = msgspec.json.Decoder(SupervisorHeartbeat)
_AGENT: Final = msgspec.json.Decoder(AgentHeartbeat)
_DAEMON: Final = msgspec.json.Decoder(DaemonHeartbeat)

_Heartbeat = TypeVar("_Heartbeat", SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)

Headers = Mapping[str, str] | None


class MalformedHeartbeatError(ValueError):
    """The message is not a valid heartbeat;
    the text is the reason that is stored with it in the dead letters.
    """


class Address(msgspec.Struct, frozen=True, gc=False):
    """The sender that a subject belongs to."""

    kind: SenderKind
    sender: str  # the name of its stream in the log, e.g. `supervisor-<task_id>`
    entity_id: str  # the stream's name without the category
    daemon_id: str | None  # None for an agent without a daemon
    contract_id: str | None = None  # of an agent
    role: str | None = None  # of an agent


def decode_subject(subject: str) -> Address | None:
    """The sender on the subject `makima.shards.<k>.<kind>.…`; None for a canary. The shard is not checked.

    Raises `MalformedHeartbeatError` if no sender has this subject.
    """
    match subject.split(".")[3:]:
        case ["canary"]:
            return None
        case ["supervisor", daemon_id, task_id] if is_id(daemon_id) and is_id(task_id):
            return Address("supervisor", stream_name("supervisor", task_id), task_id, daemon_id)
        case ["agent", daemon_id, contract_id, role] if (
            is_id(daemon_id) and is_id(contract_id) and is_id(role)
        ):
            entity_id = agent_id(contract_id, role)
            return Address(
                "agent",
                stream_name("agent", entity_id),
                entity_id,
                None if daemon_id == NO_DAEMON else daemon_id,
                contract_id,
                role,
            )
        case ["daemon", daemon_id] if is_id(daemon_id):
            return Address("daemon", stream_name("daemon", daemon_id), daemon_id, daemon_id)
        case rest:
            raise MalformedHeartbeatError(f"the subject belongs to no sender: …{'.'.join(rest)}")


def decode_supervisor(task_id: str, payload: bytes, headers: Headers) -> SupervisorHeartbeat:
    """Decodes a supervisor's heartbeat, which arrived on the subject of `task_id`.

    Raises `MalformedHeartbeatError`.
    """
    heartbeat = _decode(_SUPERVISOR, payload, headers)
    if heartbeat.task_id != task_id:
        raise MalformedHeartbeatError(f"the subject names task {task_id}, the body {heartbeat.task_id}")
    if heartbeat.state is SupervisorState.INTERRUPTED:
        raise MalformedHeartbeatError(
            "a supervisor cannot report the state interrupted: the system sets it when heartbeats stop"
        )
    if not is_id(heartbeat.contract_id) or (
        heartbeat.connection_id is not None and not is_id(heartbeat.connection_id)
    ):
        raise _no_id((heartbeat.contract_id, heartbeat.connection_id))
    if heartbeat.pending_task_ids:
        # One regex match for all; an id with a comma changes the number of commas.
        listed = ",".join(heartbeat.pending_task_ids)
        if _IDS.fullmatch(listed) is None or listed.count(",") != len(heartbeat.pending_task_ids) - 1:
            raise _no_id(heartbeat.pending_task_ids)
    if b"\\u0000" in payload or b"\0" in payload:
        _refuse_nul((heartbeat.phase, heartbeat.current_activity))
    return heartbeat


def decode_agent(
    contract_id: str | None, role: str | None, payload: bytes, headers: Headers
) -> AgentHeartbeat:
    """Decodes an agent's heartbeat. Raises `MalformedHeartbeatError`."""
    heartbeat = _decode(_AGENT, payload, headers)
    if (heartbeat.contract_id, heartbeat.role) != (contract_id, role):
        raise MalformedHeartbeatError(
            f"the subject names agent {contract_id}:{role}, the body {agent_id(heartbeat.contract_id, heartbeat.role)}"
        )
    if not is_id(heartbeat.connection_id):
        raise _no_id((heartbeat.connection_id,))
    if b"\\u0000" in payload or b"\0" in payload:
        _refuse_nul((heartbeat.activity, heartbeat.child.command if heartbeat.child else None))
    return heartbeat


def decode_daemon(daemon_id: str, payload: bytes, headers: Headers) -> DaemonHeartbeat:
    """Decodes a daemon's heartbeat. Raises `MalformedHeartbeatError`."""
    heartbeat = _decode(_DAEMON, payload, headers)
    if heartbeat.daemon_id != daemon_id:
        raise MalformedHeartbeatError(f"the subject names daemon {daemon_id}, the body {heartbeat.daemon_id}")
    if b"\\u0000" in payload or b"\0" in payload:
        _refuse_nul((heartbeat.hostname, *heartbeat.agents))
    return heartbeat


def _decode(decoder: msgspec.json.Decoder[_Heartbeat], payload: bytes, headers: Headers) -> _Heartbeat:
    if len(payload) > MAX_HEARTBEAT_BYTES:
        raise MalformedHeartbeatError(
            f"a heartbeat may have at most {MAX_HEARTBEAT_BYTES} bytes; this one has {len(payload)}"
        )
    try:
        if is_json(headers):
            return decoder.decode(payload)
        if is_protobuf(headers):
            return heartbeat_protobuf.decode(decoder.type, payload)
    except RecursionError as error:  # deep nesting inside an unknown member, which has no bounds
        raise MalformedHeartbeatError("the JSON is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:  # ValueError: not UTF-8, or not protobuf
        raise MalformedHeartbeatError(str(error)) from error
    kind = (headers or {}).get("Content-Type")
    raise MalformedHeartbeatError(f"content type {kind!r} is not supported; send JSON or protobuf")


def is_json(headers: Headers) -> bool:
    """Heartbeats without a content type are JSON."""
    return headers is None or "json" in headers.get("Content-Type", "json")


def is_protobuf(headers: Headers) -> bool:
    return headers is not None and "protobuf" in headers.get("Content-Type", "json")


def _no_id(ids: Iterable[str | None]) -> MalformedHeartbeatError:
    wrong = next(each for each in ids if each is not None and not is_id(each))
    return MalformedHeartbeatError(f"{wrong!r} is not a valid id: ids match [A-Za-z0-9_-]{{1,64}}")


def _refuse_nul(texts: Iterable[str | None]) -> None:
    if any("\0" in text for text in texts if text):
        raise MalformedHeartbeatError("a text contains a NUL character, which cannot be stored")
