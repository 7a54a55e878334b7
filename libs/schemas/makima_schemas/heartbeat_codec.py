"""A message of the heartbeat stream, read: who sends on its subject, and what its body says, or the reason why it is none.

The recorder and the detector both read with this: what only one of them took for a heartbeat would keep a sender alive that is
never recorded, or call one dead that is.
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

NO_DAEMON: Final = "_"
_IDS: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(,[A-Za-z0-9_-]{1,64})*")
_SUPERVISOR: Final = msgspec.json.Decoder(SupervisorHeartbeat)
_AGENT: Final = msgspec.json.Decoder(AgentHeartbeat)
_DAEMON: Final = msgspec.json.Decoder(DaemonHeartbeat)

_Said = TypeVar("_Said", SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)

Headers = Mapping[str, str] | None


class MalformedHeartbeatError(ValueError):
    """The message is no heartbeat of ours; the text is the reason that goes with it to the dead letters."""


class Address(msgspec.Struct, frozen=True, gc=False):
    """Who sends on a subject. `sender` is the name of its stream in the log, `entity_id` what follows the category there."""

    kind: SenderKind
    sender: str
    entity_id: str
    daemon_id: str | None
    contract_id: str | None = None
    role: str | None = None


def decode_subject(subject: str) -> Address | None:
    """Who sends on `makima.shards.<k>.<kind>.…`; None for a canary. Whose shard it is, the caller knows. Raises `MalformedHeartbeatError`."""
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
            raise MalformedHeartbeatError(f"no sender has the subject …{'.'.join(rest)}")


def decode_supervisor(task_id: str, payload: bytes, headers: Headers) -> SupervisorHeartbeat:
    """What a supervisor says on the subject of `task_id`. Raises `MalformedHeartbeatError`."""
    said = _decode(_SUPERVISOR, payload, headers)
    if said.task_id != task_id:
        raise MalformedHeartbeatError(f"the subject says task {task_id}, the body {said.task_id}")
    if said.state is SupervisorState.INTERRUPTED:
        raise MalformedHeartbeatError("no supervisor is interrupted while it speaks: that is the system's word for a silent one")
    if not is_id(said.contract_id) or (said.connection_id is not None and not is_id(said.connection_id)):
        raise _no_id((said.contract_id, said.connection_id))
    if said.pending_task_ids:
        listed = ",".join(said.pending_task_ids)  # one match for all of them; a comma inside one of them shows in the count
        if _IDS.fullmatch(listed) is None or listed.count(",") != len(said.pending_task_ids) - 1:
            raise _no_id(said.pending_task_ids)
    if b"\\u0000" in payload or b"\0" in payload:
        _refuse_nul((said.phase, said.current_activity))
    return said


def decode_agent(contract_id: str | None, role: str | None, payload: bytes, headers: Headers) -> AgentHeartbeat:
    """As `decode_supervisor`."""
    said = _decode(_AGENT, payload, headers)
    if (said.contract_id, said.role) != (contract_id, role):
        raise MalformedHeartbeatError(f"the subject says agent {contract_id}:{role}, the body {agent_id(said.contract_id, said.role)}")
    if not is_id(said.connection_id):
        raise _no_id((said.connection_id,))
    if b"\\u0000" in payload or b"\0" in payload:
        _refuse_nul((said.activity, said.child))
    return said


def decode_daemon(daemon_id: str, payload: bytes, headers: Headers) -> DaemonHeartbeat:
    """As `decode_supervisor`."""
    said = _decode(_DAEMON, payload, headers)
    if said.daemon_id != daemon_id:
        raise MalformedHeartbeatError(f"the subject says daemon {daemon_id}, the body {said.daemon_id}")
    if b"\\u0000" in payload or b"\0" in payload:
        _refuse_nul((said.hostname, *said.agents))
    return said


def _decode(decoder: msgspec.json.Decoder[_Said], payload: bytes, headers: Headers) -> _Said:
    if len(payload) > MAX_HEARTBEAT_BYTES:
        raise MalformedHeartbeatError(f"a heartbeat is at most {MAX_HEARTBEAT_BYTES} bytes, this one has {len(payload)}")
    try:
        if headers is None or "json" in (kind := headers.get("Content-Type", "json")):
            return decoder.decode(payload)
        if "protobuf" in kind:
            return heartbeat_protobuf.decode(decoder.type, payload)
    except RecursionError as error:  # deep inside a member that nobody knows, and so nobody bounds
        raise MalformedHeartbeatError("nested too deep") from error
    except (msgspec.MsgspecError, ValueError) as error:  # ValueError: no UTF-8, no protobuf
        raise MalformedHeartbeatError(str(error)) from error
    raise MalformedHeartbeatError(f"content type {kind!r} is not understood; heartbeats are JSON, or protobuf")


def _no_id(ids: Iterable[str | None]) -> MalformedHeartbeatError:
    wrong = next(each for each in ids if each is not None and not is_id(each))
    return MalformedHeartbeatError(f"{wrong!r} is no id: ids match [A-Za-z0-9_-]{{1,64}}")


def _refuse_nul(texts: Iterable[str | None]) -> None:
    if any("\0" in text for text in texts if text):
        raise MalformedHeartbeatError("a text holds a NUL character, which no database keeps")
