"""A supervisor on the SDK: heard over HTTP, and what it saves goes out in order, in parts that fit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio
from makima_gateway.api.schemas.saved_state import (
    LastCheckpoint,
    PendingQuestion,
    RestoredSupervisor,
    StateSave,
)
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas.codec import encode
from makima_schemas.saved_state import refuse_oversize
from makima_sdk import Connection, Supervisor, sync
from makima_sdk.models import read
from makima_sdk.saves import MAX_MESSAGES_BYTES
from makima_sdk.supervisor import Restoration

from tests.sdk.agent_system import AgentSystem, agent_system
from tests.sdk.http_server import body_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk supervisors")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[AgentSystem]:
    async with agent_system(postgres_server, template_database, nats_server) as made:
        yield made


async def status(system: AgentSystem, contract: str) -> dict[str, Any]:
    return dict((await system.gateways.clients[0].get(f"/contracts/{contract}/supervisor/status")).json())


async def test_what_a_supervisor_reports_is_shown_to_its_last_state(system: AgentSystem) -> None:
    contract = await system.contract()
    task = (await system.contracts.create_task(contract, "supervise")).id
    async with Supervisor(
        contract, system.connection, daemon_id="d1", task_id=task, phase="plan"
    ) as supervisor:
        supervisor.report("working", activity="plans", progress=40)
        assert await eventually(lambda: _shows(system, contract, "working", "plans", 40))
        with pytest.raises(ValueError, match="interrupted"):
            supervisor.report("interrupted")
        supervisor.report("completed", progress=100)
    assert await eventually(lambda: _shows(system, contract, "completed", "plans", 100))


async def _shows(system: AgentSystem, contract: str, state: str, activity: str, progress: int) -> bool:
    shown = await status(system, contract)
    return (shown.get("state"), shown.get("current_activity"), shown.get("progress")) == (
        state,
        activity,
        progress,
    )


BEAT = orjson.dumps({"status": "ok", "interval_seconds": 30, "timeout_seconds": 120}).decode()
RESTORED = orjson.dumps(
    {
        "outcome": "from_checkpoint",
        "warning": "save 7 is damaged",
        "task_id": "t1",
        "phase": "execute",
        "spawned_task_ids": ["a"],
        "last_checkpoint": {"version": 7, "checkpoint": {"step": 3}},
        "context": "You supervise contract c1.",
        "conversation_history": [{"role": "user", "content": "go on"}],
        "a_member_of_tomorrow": 1,
    }
).decode()


async def test_saves_go_out_in_order_and_a_long_conversation_in_parts() -> None:
    bodies: list[dict[str, Any]] = []

    def reply(path: str, body: bytes) -> tuple[int, str]:
        if path.endswith("/supervisor/restore"):
            return 200, RESTORED
        if path.endswith("/supervisor/state"):
            bodies.append(orjson.loads(body))
            return 200, f'{{"version": {len(bodies)}}}'
        return 200, BEAT

    port = ports.free()
    async with body_server(port, reply):
        connection = Connection(url=f"http://127.0.0.1:{port}")
        supervisor = await Supervisor.restore("c1", connection, "k2", daemon_id="d1")
        restored = supervisor.restored
        assert restored is not None
        assert (restored.outcome, restored.spawned_task_ids, restored.last_checkpoint) == (
            "from_checkpoint",
            ("a",),
            {"version": 7, "checkpoint": {"step": 3}},
        )
        assert (supervisor.task_id, supervisor.connection_id) == ("t1", "k2")
        async with supervisor:
            assert await supervisor.save.phase("execute") == 1
            large = {"role": "user", "content": "x" * (MAX_MESSAGES_BYTES // 2)}
            assert await supervisor.save.conversation([large, large, large]) == 4
            await supervisor.save.task_spawned("a")
            await supervisor.save.waiting_on(["a"])
            await supervisor.save.question({"question_id": "q", "question": "Which?"})
            await supervisor.save.checkpoint({"step": 4})
            await supervisor.save.activity("builds", 40)
            await supervisor.save.error("no disk")
    assert [body["kind"] for body in bodies] == [
        "phase", "conversation", "conversation", "conversation", "task_spawned", "waiting_on", "question", "checkpoint",
        "activity", "error",
    ]  # fmt: skip
    assert {body["connection_id"] for body in bodies} == {"k2"}
    spawned = [body["task_id"] for body in bodies if body["kind"] == "task_spawned"]
    assert spawned == ["a"]  # the task that was spawned; every other save names the supervisor's own
    assert {body["task_id"] for body in bodies if body["kind"] != "task_spawned"} == {"t1"}


async def test_messages_full_of_quotes_go_out_in_parts_that_makima_takes() -> None:
    bodies: list[bytes] = []

    def reply(path: str, body: bytes) -> tuple[int, str]:
        if not path.endswith("/supervisor/state"):
            return 200, BEAT
        bodies.append(body)
        return 200, '{"version": 1}'

    port = ports.free()
    async with (
        body_server(port, reply),
        Supervisor("c1", Connection(url=f"http://127.0.0.1:{port}"), daemon_id="d1") as supervisor,
    ):
        quotes = {"role": "assistant", "content": '"' * 10_000}
        await supervisor.save.conversation([quotes] * 20)
        with pytest.raises(ValueError, match="a checkpoint has no member kind"):
            await supervisor.save.checkpoint({"kind": "mine"})
    saves = [StateSave.model_validate_json(body) for body in bodies]
    assert sum(len(save.messages or ()) for save in saves) == 20
    for save in saves:
        refuse_oversize(save.content())


async def test_every_answer_to_a_restoration_can_be_read() -> None:
    """The gateway's own answer, with every member that it may have."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    checkpoint = LastCheckpoint(7, now, {"step": 3})
    answer = RestoredSupervisor(
        task_id="t1", outcome="resumed", warning=None, state="working", phase="plan", progress=3,
        current_activity="plans", conversation_history=[{"role": "user", "content": "go on"}], truncated=True,
        cursor="x", pending_questions=[PendingQuestion("Which?", "q1")], spawned_task_ids=["a"],
        waiting_on_task_ids=["a"], last_checkpoint=checkpoint, error="no disk", context="You supervise",
        created_at=now, updated_at=now,
    )  # fmt: skip
    members = orjson.loads(encode(answer))
    restored = read(Restoration, members)
    told = {field.name: getattr(restored, field.name) for field in fields(Restoration)}
    assert orjson.loads(encode(told)) == members


async def test_a_save_before_the_supervisor_is_known_is_kept_and_not_refused() -> None:
    saved: list[str] = []
    refused: list[object] = []

    def reply(path: str, body: bytes) -> tuple[int, str]:
        if not path.endswith("/supervisor/state"):
            return 200, BEAT
        saved.append(orjson.loads(body)["kind"])
        return (404, '{"code": "SUPERVISOR_NOT_FOUND"}') if len(saved) < 3 else (200, '{"version": 2}')

    port = ports.free()
    connection = Connection(url=f"http://127.0.0.1:{port}")
    async with (
        body_server(port, reply),
        Supervisor("c1", connection, daemon_id="d1") as supervisor,
    ):
        supervisor.on("refused", refused.append)
        assert await supervisor.save.phase("plan") is None
        await supervisor.save.error("no disk")
    assert (saved, refused) == (["phase", "phase", "phase", "error"], [])


async def test_the_face_without_asyncio_saves_too() -> None:
    saved: list[str] = []

    def reply(path: str, body: bytes) -> tuple[int, str]:
        if path.endswith("/supervisor/state"):
            saved.append(orjson.loads(body)["kind"])
        return 200, RESTORED if path.endswith("/restore") else BEAT

    def supervise(url: str) -> None:
        with sync.Supervisor.restore("c1", Connection(url=url), daemon_id="d1") as supervisor:
            assert supervisor.restored is not None
            supervisor.report("working", activity="plans")
            supervisor.save.phase("execute")
            supervisor.save.checkpoint({"step": 4})
            supervisor.raise_if_lost()
            assert not supervisor.lost.is_set()

    port = ports.free()
    async with body_server(port, reply):
        await asyncio.to_thread(supervise, f"http://127.0.0.1:{port}")
    assert saved == ["phase", "checkpoint"]
