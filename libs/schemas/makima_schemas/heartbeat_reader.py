"""Reads a heartbeat as it comes: strict about who speaks, lenient about everything else.

The recorder and the detector read with these functions. Who sends (ids, connection) and in which state is never
guessed. All other members are told *about* the work: an activity that is too long or a clock without a zone must
not make a living sender look dead, so such a member is cut, dropped or replaced by its default, and the reason is
kept. `heartbeat_codec` decides what fits; here is only how to make it fit.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar, cast

import msgspec

from makima_schemas import heartbeat_protobuf
from makima_schemas.heartbeat import (
    MAX_HEARTBEAT_BYTES,
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
from makima_schemas.heartbeat_fit import DROPPED, FIT, FIT_NAMES
from makima_schemas.identity import is_id

H = TypeVar("H", SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)

MAX_REASON: Final = 500  # characters
UNKNOWN_PHASE: Final = "unknown"
_NO_TIME: Final = "1970-01-01T00:00:00Z"  # in the place of a `timestamp` that does not fit
_UNREADABLE: Final = datetime(1970, 1, 1, tzinfo=UTC)  # the same
_MICROSECOND: Final = timedelta(microseconds=1)


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


def quiet_time(heartbeat: SupervisorHeartbeat | AgentHeartbeat) -> int:
    """For how long it announces to be quiet, ns: the difference of two times of its own clock, which may be set as it
    likes. 0 for none, for a time that is past, and where its clock was not readable.
    """
    if heartbeat.quiet_until is None or heartbeat.timestamp == _UNREADABLE:
        return 0
    return max((heartbeat.quiet_until - heartbeat.timestamp) // _MICROSECOND, 0) * 1000


def _mended(
    unfit: MalformedHeartbeatError, form: _Form[H], payload: bytes, headers: Headers
) -> tuple[H, str | None]:
    """The heartbeat with all that does not fit cut or dropped, decoded strictly again: ids and state must fit."""
    members = members_of(form.cls, payload, headers)
    if members is None:
        raise RefusedHeartbeatError(str(unfit), Source(None, None)) from unfit
    fit = FIT[form.cls]
    fitting = _defaults(form.cls, form.ids)
    for name, value in members.items():
        if (mended := fit[name](value) if name in fit else value) is not DROPPED:
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
) -> str | None:
    """What was cut or dropped; None if nothing was: `child` in its older form."""
    changed = [name for name in FIT_NAMES if members.get(name, DROPPED) != fitting.get(name, DROPPED)]
    child, whole = members.get("child"), not any("\ufffd" in str(value) for value in members.values())
    if changed == ["child"] and fitting.get("child") == {"command": child} and whole:
        return None
    return f"cut or dropped: {', '.join(changed)} ({unfit})"[:MAX_REASON]


def _defaults(cls: type, ids: Mapping[str, str]) -> dict[str, object]:
    """Values of the required members that are not who speaks, nor the state."""
    if cls is SupervisorHeartbeat:
        return {"phase": UNKNOWN_PHASE, "timestamp": _NO_TIME}
    if cls is AgentHeartbeat:
        return {"seq": 0, "timestamp": _NO_TIME}
    return {"hostname": ids["daemon_id"], "seq": 0, "timestamp": _NO_TIME}
