"""Reads a heartbeat as it comes: strict about who speaks, lenient about everything else.

The recorder and the detector read with these functions. Who sends (ids, connection) and in which state is never
guessed. All other members are told *about* the work: an activity that is too long or a clock without a zone must
not make a living sender look dead, so such a member is cut, dropped or replaced by its default, and the reason is
kept. `heartbeat_codec` decides what fits; here is only how to make it fit.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar, cast

import msgspec

from makima_schemas import heartbeat_protobuf
from makima_schemas.heartbeat import (
    MAX_ACTIVITY,
    MAX_AGENTS,
    MAX_COUNT,
    MAX_HEARTBEAT_BYTES,
    MAX_NAME,
    MAX_PENDING_TASKS,
    MAX_SEQUENCE,
    AgentHeartbeat,
    DaemonHeartbeat,
    SupervisorHeartbeat,
)
from makima_schemas.heartbeat_codec import (
    Headers,
    MalformedHeartbeatError,
    decode_agent,
    decode_daemon,
    decode_supervisor,
    is_json,
    is_protobuf,
)
from makima_schemas.identity import is_id

H = TypeVar("H", SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)

MAX_REASON: Final = 500  # characters
UNKNOWN_PHASE: Final = "unknown"
_NO_TIME: Final = "1970-01-01T00:00:00Z"  # a sender's own clock is read by nobody
_DROPPED: Final = object()

Fit = Callable[[object], object]  # a value that fits, or _DROPPED


class Source(NamedTuple):
    """Who sent a heartbeat that was refused, as far as it says so; None: it does not."""

    contract_id: str | None
    connection_id: str | None


class RefusedHeartbeatError(MalformedHeartbeatError):
    """Nothing can be made of it. `source` None: it names another sender than its subject."""

    def __init__(self, reason: str, source: Source | None) -> None:
        super().__init__(reason)
        self.source = source


class _Form(NamedTuple, Generic[H]):
    """The kind of heartbeat that a subject belongs to."""

    cls: type[H]
    ids: Mapping[str, str]  # the members that the subject says, too
    decode: Callable[[bytes, Headers], H]  # strictly


def read_supervisor(task_id: str, payload: bytes, headers: Headers) -> tuple[SupervisorHeartbeat, str | None]:
    """A supervisor's heartbeat, and what of it was cut or dropped (None: nothing).

    Raises `RefusedHeartbeatError`.
    """
    try:
        return decode_supervisor(task_id, payload, headers), None
    except MalformedHeartbeatError as error:
        decode = partial(decode_supervisor, task_id)
        return _mended(error, _Form(SupervisorHeartbeat, {"task_id": task_id}, decode), payload, headers)


def read_agent(
    contract_id: str | None, role: str | None, payload: bytes, headers: Headers
) -> tuple[AgentHeartbeat, str | None]:
    """As `read_supervisor`, of an agent."""
    try:
        return decode_agent(contract_id, role, payload, headers), None
    except MalformedHeartbeatError as error:
        ids, decode = (
            {"contract_id": contract_id or "", "role": role or ""},
            partial(decode_agent, contract_id, role),
        )
        return _mended(error, _Form(AgentHeartbeat, ids, decode), payload, headers)


def read_daemon(daemon_id: str, payload: bytes, headers: Headers) -> tuple[DaemonHeartbeat, str | None]:
    """As `read_supervisor`, of a daemon."""
    try:
        return decode_daemon(daemon_id, payload, headers), None
    except MalformedHeartbeatError as error:
        decode = partial(decode_daemon, daemon_id)
        return _mended(error, _Form(DaemonHeartbeat, {"daemon_id": daemon_id}, decode), payload, headers)


def _mended(
    unfit: MalformedHeartbeatError, form: _Form[H], payload: bytes, headers: Headers
) -> tuple[H, str]:
    """The heartbeat with all that does not fit cut or dropped, decoded strictly again: ids and state must fit."""
    members = members_of(form.cls, payload, headers)
    if members is None:
        raise RefusedHeartbeatError(str(unfit), Source(None, None)) from unfit
    fit = FIT[form.cls]
    fitting = _defaults(form.cls, form.ids)
    for name, value in members.items():
        if (mended := fit[name](value) if name in fit else value) is not _DROPPED:
            fitting[name] = mended
    try:
        heartbeat = form.decode(msgspec.json.encode(fitting), None)
    except (MalformedHeartbeatError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RefusedHeartbeatError(str(error), _source(members, form.ids)) from unfit
    return heartbeat, _told(members, fitting, unfit)


def members_of(cls: type[H], payload: bytes, headers: Headers) -> dict[str, object] | None:
    """The members of the body, whatever they hold; None if there are none to be read."""
    if len(payload) > MAX_HEARTBEAT_BYTES:
        return None
    try:
        if is_protobuf(headers):
            return heartbeat_protobuf.members(cls, payload)
        if not is_json(headers):
            return None
        # The standard library's: it takes half a character and NaN, which are cut or dropped then.
        body: object = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", body) if isinstance(body, dict) else None


def _source(members: Mapping[str, object], ids: Mapping[str, str]) -> Source | None:
    if any(members.get(name, own) != own for name, own in ids.items()):
        return None
    contract_id, connection_id = members.get("contract_id"), members.get("connection_id")
    return Source(
        contract_id if isinstance(contract_id, str) and is_id(contract_id) else None,
        connection_id if isinstance(connection_id, str) and is_id(connection_id) else None,
    )


def _told(
    members: Mapping[str, object], fitting: Mapping[str, object], unfit: MalformedHeartbeatError
) -> str:
    changed = [name for name in FIT_NAMES if members.get(name, _DROPPED) != fitting.get(name, _DROPPED)]
    return f"cut or dropped: {', '.join(changed)} ({unfit})"[:MAX_REASON]


def _text(longest: int, value: object) -> object:
    """Cut; NUL, which no database keeps, and half characters become U+FFFD."""
    if not isinstance(value, str):
        return _DROPPED
    return (
        value[:longest].encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    )


def _named(longest: int, value: object) -> object:
    """As `_text`; an empty one is dropped."""
    return _text(longest, value) or _DROPPED


def _number(most: int, value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return _DROPPED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _DROPPED
    return min(max(round(value), 0), most)


def _seq(value: object) -> object:
    """Dropped where it does not fit: a wrong number would put the heartbeat in the wrong order."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEQUENCE
    return value if fits else _DROPPED


def _ids(most: int, value: object) -> object:
    if not isinstance(value, list):
        return _DROPPED
    return [each for each in cast("list[object]", value) if isinstance(each, str) and is_id(each)][:most]


def _texts(most: int, longest: int, value: object) -> object:
    if not isinstance(value, list):
        return _DROPPED
    fit = [_text(longest, each) for each in cast("list[object]", value)[:most]]
    return [each for each in fit if each is not _DROPPED]


def _moment(value: object) -> object:
    try:
        moment = msgspec.convert(value, datetime)
    except (msgspec.ValidationError, ValueError):  # the latter: half a character
        return _DROPPED
    return _DROPPED if moment.tzinfo is None else value


_PROGRESS: Final = partial(_number, 100)
FIT: Final[Mapping[type, Mapping[str, Fit]]] = {
    SupervisorHeartbeat: {
        "phase": partial(_named, 64),
        "timestamp": _moment,
        "current_activity": partial(_text, MAX_ACTIVITY),
        "progress": _PROGRESS,
        "pending_task_ids": partial(_ids, MAX_PENDING_TASKS),
        "seq": _seq,
        "quiet_until": _moment,
    },
    AgentHeartbeat: {
        "seq": _seq,
        "timestamp": _moment,
        "activity": partial(_text, MAX_ACTIVITY),
        "progress": _PROGRESS,
        "child": partial(_text, MAX_NAME),
        "quiet_until": _moment,
    },
    DaemonHeartbeat: {
        "hostname": partial(_named, MAX_NAME),
        "seq": _seq,
        "timestamp": _moment,
        "agents": partial(_texts, MAX_AGENTS, MAX_NAME),
        "worktrees": partial(_number, MAX_COUNT),
        "capacity": partial(_number, MAX_COUNT),
    },
}
FIT_NAMES: Final = tuple(dict.fromkeys(name for fits in FIT.values() for name in fits))


def _defaults(cls: type, ids: Mapping[str, str]) -> dict[str, object]:
    """Values of the required members that are not who speaks, nor the state."""
    if cls is SupervisorHeartbeat:
        return {"phase": UNKNOWN_PHASE, "timestamp": _NO_TIME}
    if cls is AgentHeartbeat:
        return {"seq": 0, "timestamp": _NO_TIME}
    return {"hostname": ids["daemon_id"], "seq": 0, "timestamp": _NO_TIME}
