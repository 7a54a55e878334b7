"""Whatever is sent as a heartbeat, its reader makes the best of it or refuses it: it never fails otherwise."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_schemas.heartbeat import ChildProcess
from makima_schemas.heartbeat_fit import FIT_NAMES
from makima_schemas.heartbeat_reader import (
    RefusedHeartbeatError,
    read_agent,
    read_daemon,
    read_supervisor,
)

READERS: dict[str, Callable[..., object]] = {
    "supervisor": partial(read_supervisor, "t1"),
    "agent": partial(read_agent, "c1", "builder"),
    "daemon": partial(read_daemon, "d1"),
}
WHO = {
    "task_id": "t1",
    "contract_id": "c1",
    "role": "builder",
    "daemon_id": "d1",
    "connection_id": "k1",
    "state": "working",
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**4200) | st.integers(-(10**4200), -(10**300)),  # beyond every float
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", READERS)
@given(members=st.dictionaries(st.sampled_from([*FIT_NAMES, "connection_id", "state"]), VALUES))
def test_any_json_is_read_or_refused(kind: str, members: dict[str, object]) -> None:
    body = json.dumps(WHO | members).encode()
    read_or_refused(kind, body, None)


@pytest.mark.parametrize("kind", READERS)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind: str, body: bytes) -> None:
    for headers in (None, {"Content-Type": "application/x-protobuf"}):
        read_or_refused(kind, body, headers)


@pytest.mark.parametrize("progress", [10**400, -(10**400), 10**4200])
def test_a_number_beyond_every_float_is_clipped(progress: int) -> None:
    members = WHO | {"phase": "plan", "timestamp": "2026-01-01T00:00:00Z", "progress": progress}
    heartbeat, unfit = read_supervisor("t1", json.dumps(members).encode(), None)
    assert heartbeat.progress == (100 if progress > 0 else 0)
    assert unfit is not None
    assert unfit.startswith("cut or dropped: progress ("), "and nothing that did fit"


def read_or_refused(kind: str, body: bytes, headers: dict[str, str] | None) -> None:
    with suppress(RefusedHeartbeatError):
        READERS[kind](body, headers)


MAKE = {"pid": 7, "command": "make", "cpu_seconds": 1.5}


@pytest.mark.parametrize(
    ("said", "child", "whole"),
    [
        (MAKE, ChildProcess(7, "make", 1.5), True),
        (MAKE | {"more": 1}, ChildProcess(7, "make", 1.5), True),
        ({}, ChildProcess(), True),
        (None, None, True),
        ("make", ChildProcess(command="make"), True),
        ("m" * 256, ChildProcess(command="m" * 255), False),
        (MAKE | {"pid": -1}, ChildProcess(None, "make", 1.5), False),
        (MAKE | {"pid": 2**31}, ChildProcess(None, "make", 1.5), False),
        (MAKE | {"cpu_seconds": "long"}, ChildProcess(7, "make"), False),
        (MAKE | {"cpu_seconds": float("inf")}, ChildProcess(7, "make"), False),
        (MAKE | {"command": 5}, ChildProcess(7, "", 1.5), False),
        (4711, None, False),
    ],
)
def test_of_a_child_all_that_fits_is_kept(said: object, child: ChildProcess | None, *, whole: bool) -> None:
    body = WHO | {"seq": 1, "timestamp": "2026-01-01T00:00:00Z", "child": said}
    heartbeat, unfit = read_agent("c1", "builder", json.dumps(body).encode(), None)
    assert (heartbeat.child, unfit is None) == (child, whole)
