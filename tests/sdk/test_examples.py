"""The programs under `examples/`, each run as its readers run it, against the real system."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from makima_kernel.testing import eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.sdk.agent_system import AgentSystem, agent_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk examples")]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[AgentSystem]:
    async with agent_system(postgres_server, template_database, nats_server) as made:
        yield made


@asynccontextmanager
async def running(
    system: AgentSystem, example: str, contract: str, *arguments: str, **env: str
) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / example), *arguments, env={**os.environ, **system.env(contract, **env)}
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def finished(system: AgentSystem, contract: str) -> list[tuple[str, str, str | None]] | None:
    tasks = [task for task in await system.contracts.tasks(contract) if not task.is_supervisor]
    done = [
        (task.name, str(task.status), task.result) for task in tasks if task.status in {"completed", "failed"}
    ]
    return done if tasks and len(done) == len(tasks) else None


async def test_the_script_without_asyncio(system: AgentSystem) -> None:
    contract = await system.contract("one", "two")
    async with running(system, "script.py", contract) as process:
        assert await eventually(lambda: finished(system, contract)) == [
            ("one", "completed", "built one"),
            ("two", "completed", "built two"),
        ]
        await system.contracts.act(contract, "complete")
        assert await process.wait() == 0
    assert (await system.agents.get(contract, "builder")).status_now == "offline"


async def test_the_agent_that_runs_a_command_and_asks_when_it_fails(
    system: AgentSystem, tmp_path: Path
) -> None:
    contract = await system.contract("one")
    command = (
        sys.executable,
        "-c",
        f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch(exist_ok=False)",
    )
    (tmp_path / "ran").touch()  # the first time it fails
    async with running(system, "agent.py", contract, *command) as process:
        questions = await eventually(lambda: system.contracts.questions(contract))
        assert questions is not None
        assert "failed for one. Try again?" in questions[0].question
        (tmp_path / "ran").unlink()
        await system.contracts.answer(contract, questions[0].id, "yes")
        assert await eventually(lambda: finished(system, contract)) == [("one", "completed", "done")]
        await system.contracts.act(contract, "complete")
        assert await process.wait() == 0
    said = [str(event["content"]) for event in await system.events(contract, "MessageSent")]
    assert [text.rpartition(" ")[2] for text in said] == ["1", "0"]


async def test_the_supervisor_that_saves_and_waits_for_its_tasks(system: AgentSystem) -> None:
    contract = await system.contract()
    async with (
        running(system, "supervisor.py", contract, "write", "test", MAKIMA_DAEMON="d1") as process,
        running(system, "script.py", contract),
    ):
        assert await process.wait() == 0
        assert await finished(system, contract) == [
            ("write", "completed", "built write"),
            ("test", "completed", "built test"),
        ]
