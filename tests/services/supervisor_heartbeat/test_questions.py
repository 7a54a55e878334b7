"""What the service answers on the bus, and tells each second."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import orjson
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import eventually
from makima_schemas.commands import Problem
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import DeclareSilent, SupervisorState
from nats.aio.msg import Msg

from tests.services.supervisor_heartbeat.harness import Running, daemon_beat, supervisor_beat


async def ask(fleet: Running, name: str, **question: object) -> dict[str, object]:
    answer = await fleet.service.bus.query("supervisor_heartbeat", name, dict(question))
    assert isinstance(answer, dict), answer
    return answer


async def refused(fleet: Running, name: str, **question: object) -> ErrorCode:
    answer = await fleet.service.bus.query("supervisor_heartbeat", name, dict(question))
    assert isinstance(answer, Problem)
    return answer.code


async def test_the_history_comes_newest_first_and_as_much_as_was_asked_for(fleet: Running) -> None:
    for progress in range(20):
        await fleet.beat(supervisor_beat("t1", progress=progress))
        await fleet.beat(supervisor_beat("t2", progress=99))
    await fleet.recorded()
    for question in ({"contract_id": "c-t1"}, {"task_id": "t1"}):
        answer = await ask(fleet, "heartbeats", limit=5, **question)
        heartbeats = cast("list[dict[str, object]]", answer["heartbeats"])
        assert [each["progress"] for each in heartbeats] == [19, 18, 17, 16, 15]
        assert answer["truncated"] is False


async def test_a_history_is_at_most_256_kib(fleet: Running) -> None:
    await asyncio.gather(
        *(fleet.beat(supervisor_beat("t1", current_activity="x" * 2000)) for _ in range(200))
    )
    await fleet.recorded()
    answer = await ask(fleet, "heartbeats", task_id="t1", limit=500)
    assert answer["truncated"] is True
    assert 200 * 1024 < len(orjson.dumps(answer)) < 260 * 1024


async def test_a_question_that_does_not_fit_is_refused(fleet: Running) -> None:
    assert await refused(fleet, "heartbeats", task_id="t1", limit=501) is ErrorCode.INVALID_REQUEST
    assert await refused(fleet, "heartbeats", task_id="t1", limit=True) is ErrorCode.INVALID_REQUEST
    assert await refused(fleet, "heartbeats", limit=5) is ErrorCode.INVALID_REQUEST
    assert await refused(fleet, "status") is ErrorCode.INVALID_REQUEST
    assert await refused(fleet, "status", contract_id="nobody's") is ErrorCode.SUPERVISOR_NOT_FOUND
    assert await ask(fleet, "heartbeats", contract_id="nobody's") == {"heartbeats": [], "truncated": False}


async def test_the_status_is_the_newest_heartbeat_and_what_the_log_says(fleet: Running) -> None:
    sequence = await fleet.beat(
        supervisor_beat("t1", progress=40, current_activity="reading", pending_task_ids=["t9"])
    )
    await fleet.until("supervisor-t1", 1)
    await fleet.recorded()
    status = await ask(fleet, "status", contract_id="c-t1")
    assert {name: status[name] for name in ("task_id", "state", "progress", "current_activity", "pending_task_ids", "alive")} == {
        "task_id": "t1", "state": "working", "progress": 40, "current_activity": "reading", "pending_task_ids": ["t9"], "alive": True,
    }  # fmt: skip
    await fleet.ask("t1", DeclareSilent("t1-1", await fleet.evidence(sequence)))

    async def interrupted() -> bool:
        status = await ask(fleet, "status", contract_id="c-t1")
        return (status["state"], status["alive"]) == (SupervisorState.INTERRUPTED, False)

    await eventually(interrupted)


async def test_the_newest_state_of_each_sender_is_told_once_a_second(fleet: Running) -> None:
    told: dict[str, list[dict[str, object]]] = {}

    async def hear(message: Msg) -> None:
        told.setdefault(message.subject, []).append(orjson.loads(message.data))

    await fleet.nats.subscribe("makima.state.>", cb=hear)
    await confirm_subscriptions(fleet.nats)
    for progress in range(30):
        await fleet.beat(supervisor_beat("t1", progress=progress))
    await fleet.beat(daemon_beat("d7", capacity=3))
    now = datetime.now(UTC)
    await fleet.beat(supervisor_beat("t2", timestamp=now, quiet_until=now + timedelta(minutes=10)))

    def heard() -> bool:
        return "makima.state.supervisor.t2" in told and (
            told.get("makima.state.supervisor.t1", [{}])[-1].get("progress") == 29
            and "makima.state.daemon.d7" in told
        )

    await eventually(heard)
    assert len(told["makima.state.supervisor.t1"]) < 5
    state = told["makima.state.supervisor.t1"][-1]
    assert (state["state"], state["contract_id"], state["connection_id"], state["pending_task_ids"]) == (
        "working",
        "c-t1",
        "t1-1",
        [],
    )
    assert {"phase", "activity", "last_heartbeat", "stream_sequence"} <= state.keys()
    assert told["makima.state.daemon.d7"][-1]["capacity"] == 3
    assert [each.get("quiet_seconds") for each in told["makima.state.supervisor.t2"]] == [600]
    assert "quiet_seconds" not in state
