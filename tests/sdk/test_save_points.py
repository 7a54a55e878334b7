"""A supervisor saves by itself what it does through the SDK: in order, once, and without waiting for it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from makima_gateway.api.schemas.saved_state import StateSave
from makima_kernel.testing import eventually
from makima_local import ports
from makima_sdk import Agent, Connection, Signal, Supervisor

from tests.sdk.http_server import body_server

Json = dict[str, Any]
OK = orjson.dumps({"status": "ok", "interval_seconds": 30, "timeout_seconds": 120}).decode()
NOW = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
TIMES = {"created_at": NOW, "updated_at": NOW, "status_changed_at": NOW}


@dataclass
class Makima:
    """Answers as the gateway does, and keeps the saves; a question is answered once it was read as open."""

    url: str
    saves: list[Json] = field(default_factory=list[Json])
    tasks: int = 0
    looks: int = 0
    restored: Json = field(default_factory=dict[str, Any])
    refuses: bool = False  # the next save

    def reply(self, path: str, body: bytes) -> tuple[int, str]:
        members: Json = orjson.loads(body) if body else {}
        match path.removeprefix("/api/v1").partition("?")[0].split("/")[3:]:
            case ["supervisor", "state"]:
                if self.refuses:
                    self.refuses = False
                    return 409, '{"code": "QUOTA_EXCEEDED"}'
                StateSave.model_validate(members)
                self.saves.append(members)
                return 200, f'{{"version": {len(self.saves)}}}'
            case ["supervisor", "restore"]:
                return 200, orjson.dumps({"outcome": "resumed", "task_id": "s1", **self.restored}).decode()
            case ["tasks"]:
                self.tasks += 1
                task = {"id": f"t{self.tasks}", "contract_id": "c1", "phase": "plan", "status": "pending"}
                return 200, orjson.dumps({**task, **TIMES, "name": members["name"]}).decode()
            case ["questions"] if body:
                return 200, orjson.dumps(self._question()).decode()
            case ["questions"]:
                self.looks += 1
                return 200, orjson.dumps({"items": [self._question()]}).decode()
            case ["phase"] | []:
                contract = {"id": "c1", "name": "x", "contract_type": "simple", "status": "active"}
                phase = members.get("phase", "plan")
                contract |= {"phase": phase, "version": self.looks + 1, "tasks": {}}
                return 200, orjson.dumps({**contract, **TIMES}).decode()
            case _:
                return 200, OK

    def _question(self) -> Json:
        question = {"id": "q1", "question": "Which?", "status": "pending", "options": ["a", "b"]}
        return {**question, "question_type": "choice", "answer": "b" if self.looks > 1 else None}

    @property
    def contents(self) -> list[Json]:
        about = {"connection_id"}
        return [{name: value for name, value in save.items() if name not in about} for save in self.saves]

    @property
    def to(self) -> Connection:
        return Connection(url=self.url)


@asynccontextmanager
async def makima() -> AsyncGenerator[Makima]:
    port = ports.free()
    made = Makima(f"http://127.0.0.1:{port}")
    async with body_server(port, made.reply):
        yield made


async def test_each_save_point_is_saved_in_order() -> None:
    async with makima() as server, Supervisor("c1", server.to, phase="plan") as supervisor:
        task = await supervisor.contracts.create_task("c1", "build", role="builder")
        await supervisor.contracts.create_task("c2", "of another contract")
        supervisor.report("waiting_for_tasks", pending_task_ids=(task.id,))
        await supervisor.save.conversation([{"role": "user", "content": "go on"}])
        assert await supervisor.ask("Which?", "choice", ("a", "b")) == "b"
        supervisor.report("working", phase="execute", pending_task_ids=())
        await supervisor.contracts.change_phase("c1", "review")
        await supervisor.contracts.change_phase("c2", "another")
    asked = {"kind": "question", "question_id": "q1", "question": "Which?"}
    assert server.contents == [
        {"kind": "task_spawned", "task_id": "t1"},
        {"kind": "waiting_on", "task_ids": ["t1"]},
        {"kind": "conversation", "messages": [{"role": "user", "content": "go on"}]},
        {**asked, "question_type": "choice", "options": ["a", "b"]},
        {**asked, "answer": "b"},
        {"kind": "phase", "phase": "execute"},
        {"kind": "waiting_on", "task_ids": []},
        {"kind": "phase", "phase": "review"},
    ]


async def test_what_the_program_saves_itself_is_saved_once() -> None:
    async with makima() as server, Supervisor("c1", server.to) as supervisor:
        task = await supervisor.contracts.create_task("c1", "build")
        assert await supervisor.save.task_spawned(task.id) is None
        await supervisor.save.phase("execute")
        supervisor.report(phase="execute", pending_task_ids=(task.id,))
        await supervisor.save.waiting_on([task.id])
        assert await supervisor.save.phase("plan") == 4, "it is another one again"
        supervisor.report(activity="plans", progress=3)
    assert [save["kind"] for save in server.saves] == ["task_spawned", "phase", "waiting_on", "phase"]


async def test_what_was_saved_before_a_restoration_is_not_saved_again() -> None:
    async with makima() as server:
        server.restored = {
            "phase": "execute",
            "spawned_task_ids": ["t1"],
            "waiting_on_task_ids": ["t1"],
            "pending_questions": [{"question_id": "q1", "question": "Which?"}],
        }
        async with await Supervisor.restore("c1", server.to, daemon_id="d1") as supervisor:
            for _ in range(2):  # by their keys: the first one is known
                await supervisor.contracts.create_task("c1", "build", key="build")
            supervisor.report(phase="execute", pending_task_ids=("t1",))
            await supervisor.ask("Which?", "choice", ("a", "b"), key="which")
            supervisor.report(pending_task_ids=())
    assert [(save["kind"], save.get("answer")) for save in server.saves] == [
        ("task_spawned", None), ("question", "b"), ("waiting_on", None),
    ]  # fmt: skip
    assert server.saves[-1]["task_ids"] == []


async def test_a_report_before_it_begins_is_saved_once_it_has() -> None:
    async with makima() as server:
        supervisor = Supervisor("c1", server.to, phase="plan")
        supervisor.report(phase="execute")
        async with supervisor:
            pass
    assert server.contents == [{"kind": "phase", "phase": "execute"}]


async def test_a_save_of_its_own_that_is_refused_is_told_and_may_be_saved_again() -> None:
    refused: list[Signal] = []
    async with makima() as server:
        server.refuses = True
        async with Supervisor("c1", server.to) as supervisor:
            supervisor.on("refused", refused.append)
            supervisor.report(phase="execute")
            await eventually(lambda: refused)
            assert await supervisor.save.phase("execute") == 1
    assert [signal.body["code"] for signal in refused] == ["QUOTA_EXCEEDED"]


async def test_an_agent_saves_nothing() -> None:
    async with makima() as server, Agent("c1", "builder", server.to) as agent:
        assert await agent.ask("Which?", "choice", ("a", "b")) == "b"
        await agent.contracts.create_task("c1", "build")
    assert server.saves == []
