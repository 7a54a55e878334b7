"""Makes the members of a heartbeat fit, one by one: cut, dropped, or as they are.

Of each kind of heartbeat, the members that only tell about the work; `heartbeat_reader` reads with them.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, cast

import msgspec

from makima_schemas.heartbeat import (
    MAX_ACTIVITY,
    MAX_AGENTS,
    MAX_COUNT,
    MAX_CPU_SECONDS,
    MAX_NAME,
    MAX_PENDING_TASKS,
    MAX_PID,
    MAX_SEQUENCE,
    AgentHeartbeat,
    DaemonHeartbeat,
    SupervisorHeartbeat,
)
from makima_schemas.identity import is_id

DROPPED: Final = object()

Fit = Callable[[object], object]  # a value that fits, or DROPPED


def _text(longest: int, value: object) -> object:
    """Cut; NUL, which no database keeps, and half characters become U+FFFD."""
    if not isinstance(value, str):
        return DROPPED
    return (
        value[:longest].encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    )


def _named(longest: int, value: object) -> object:
    """As `_text`; an empty one is dropped."""
    return _text(longest, value) or DROPPED


def _number(most: int, value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return DROPPED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DROPPED
    return min(max(round(value), 0), most)


def _seq(value: object) -> object:
    """Dropped where it does not fit: a wrong number would put the heartbeat in the wrong order."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEQUENCE
    return value if fits else DROPPED


def _ids(most: int, value: object) -> object:
    if not isinstance(value, list):
        return DROPPED
    return [each for each in cast("list[object]", value) if isinstance(each, str) and is_id(each)][:most]


def _texts(most: int, longest: int, value: object) -> object:
    if not isinstance(value, list):
        return DROPPED
    fit = [_text(longest, each) for each in cast("list[object]", value)[:most]]
    return [each for each in fit if each is not DROPPED]


def _child(value: object) -> object:
    """Of a text, as older senders say it, the command; of an object the members that fit."""
    if isinstance(value, str):
        return {"command": _text(MAX_NAME, value)}
    if not isinstance(value, dict):
        return DROPPED
    members = cast("dict[object, object]", value)
    fit = {name: read(members[name]) for name, read in _CHILD.items() if name in members}
    return {name: each for name, each in fit.items() if each is not DROPPED}


def _cpu_seconds(value: object) -> object:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_CPU_SECONDS
    return value if fits else DROPPED


def _pid(value: object) -> object:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PID
    return value if fits else DROPPED


def _moment(value: object) -> object:
    try:
        moment = msgspec.convert(value, datetime)
    except (msgspec.ValidationError, ValueError):  # the latter: half a character
        return DROPPED
    return DROPPED if moment.tzinfo is None else value


_PROGRESS: Final = partial(_number, 100)
_CHILD: Final[Mapping[str, Fit]] = {
    "pid": _pid,
    "command": partial(_text, MAX_NAME),
    "cpu_seconds": _cpu_seconds,
}
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
        "child": _child,
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
