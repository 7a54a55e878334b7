"""`makima mcp` as an MCP client runs it: the official client of the `mcp` package, through a whole task."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import orjson
import pytest
from makima_cli.agent_identity import Identity
from makima_cli.mcp_server.held_agent import HeldAgent
from makima_cli.mcp_server.tools import Tools
from makima_kernel.testing.eventually import PATIENCE
from makima_sdk.connection import Connection
from makima_sdk.work import Work
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent

from tests.cli.agents_served import Team, environ, gateways, team

__all__ = ("environ", "gateways", "team")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima mcp")]

COMMAND = ("-m", "makima_cli.main", "mcp")
TOOLS = {
    "wait_for_task",
    "start_task",
    "complete_task",
    "hand_off_task",
    "ask",
    "wait_for_answer",
    "report_progress",
    "complete_deliverable",
    "read_contract",
}


@asynccontextmanager
async def client(environ: dict[str, str], **env: str) -> AsyncGenerator[Client]:
    server = StdioServerParameters(command=sys.executable, args=list(COMMAND), env={**environ, **env})
    async with Client(server, read_timeout_seconds=PATIENCE) as made:
        yield made


async def _called(client: Client, tool: str, **arguments: object) -> dict[str, object]:
    answer = await client.call_tool(tool, dict(arguments))
    assert not answer.is_error, _text(answer)
    return cast("dict[str, object]", answer.structured_content)


async def _refused(client: Client, tool: str, **arguments: object) -> str:
    answer = await client.call_tool(tool, dict(arguments))
    assert answer.is_error
    return _text(answer)


def _text(answer: CallToolResult) -> str:
    return " ".join(part.text for part in answer.content if isinstance(part, TextContent))


async def test_a_model_goes_through_a_whole_task_with_a_question_in_the_middle(
    environ: dict[str, str], team: Team
) -> None:
    async with client(environ) as model:
        assert {tool.name for tool in (await model.list_tools()).tools} == TOOLS
        await team.turns("ready")
        assert await _called(model, "wait_for_task", timeout_seconds=0.1) == {"task": None}
        created = await team.task("build it")
        task = cast("dict[str, object]", (await _called(model, "wait_for_task"))["task"])
        assert (task["id"], task["name"]) == (created.id, "build it")
        await team.turns("working")
        again = await _called(model, "wait_for_task", timeout_seconds=0)
        assert cast("dict[str, object]", again["task"])["id"] == created.id  # it has not finished this one
        await _called(model, "start_task", task_id=created.id)
        await _called(model, "report_progress", activity="builds the house", percent=40)
        await team.does("builds the house")
        asked = await _called(
            model,
            "ask",
            question="Blue or red?",
            question_type="choice",
            options=["blue", "red"],
            timeout_seconds=0,
        )
        waiting = asyncio.create_task(
            _called(model, "wait_for_answer", question_id=str(asked["question_id"]))
        )
        await team.contracts.answer(team.contract_id, str(asked["question_id"]), "blue")
        assert (asked["answer"], (await waiting)["answer"]) == (None, "blue")
        contract = await _called(model, "read_contract")
        assert cast("list[dict[str, object]]", contract["questions"])[0]["answer"] == "blue"
        missing = await team.missing_deliverables()
        done = await _called(model, "complete_deliverable", deliverable_id=missing[0], evidence="house.md")
        assert done == {"phase": "plan", "missing_deliverables": missing[1:]}
        assert await team.missing_deliverables() == missing[1:]
        events = (await team.http.send("GET", f"/contracts/{team.contract_id}/events")).body
        assert "house.md" in str(events)
        await _called(model, "complete_task", task_id=created.id, result="a blue house")
        await team.turns("ready")
        assert (await team.find("build it")).result == "a blue house"
        await team.task("paint it")
        painted = cast("dict[str, object]", (await _called(model, "wait_for_task"))["task"])
        await _called(model, "hand_off_task", task_id=str(painted["id"]), to_role="painter")
    await team.turns("offline")  # its client has ended
    assert "painter" in {task.role for task in await team.contracts.tasks(team.contract_id)}


async def test_what_is_refused_comes_back_with_what_to_do_and_the_next_call_works(
    environ: dict[str, str], team: Team
) -> None:
    async with client(environ) as model:
        assert "call wait_for_task" in await _refused(model, "start_task", task_id="none")
        unknown = await _refused(model, "complete_deliverable", deliverable_id="none")
        assert "none" in unknown
        assert "20000" in await _refused(model, "ask", question="x" * 20_001)
        assert "there is no question" in await _refused(model, "wait_for_answer", question_id="none")
        await _called(model, "read_contract")
        await team.agents.join(team.contract_id, "builder", "newer")
        await _called(model, "report_progress", activity="goes on")  # and so a heartbeat, which is answered
        await _refused(model, "wait_for_task", timeout_seconds=30)
        assert "stop working" in await _refused(model, "wait_for_task", timeout_seconds=30)
    assert (await team.agents.get(team.contract_id, "builder")).connection_id == "newer"


async def test_a_task_that_is_completed_while_the_agent_is_lost_is_completed(
    environ: dict[str, str], team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(environ["MAKIMA_URL"], environ["MAKIMA_NATS_URL"], environ["MAKIMA_TOKEN"])
    async with HeldAgent(connection, Identity(team.contract_id, "builder", None)) as held:
        complete, tools = Work.complete, Tools(held)

        async def lost_meanwhile(work: Work, *, success: bool = True, result: str | None = None) -> None:
            await complete(work, success=success, result=result)
            held.works.clear()  # as the end of the join does

        monkeypatch.setattr(Work, "complete", lost_meanwhile)
        created = await team.task("build it")
        await tools.wait_for_task()
        assert await tools.complete_task(created.id) == {"completed": created.id}
        assert (await team.find("build it")).status == "completed"


async def test_a_task_whose_end_is_refused_as_it_is_gone_is_not_given_again(
    environ: dict[str, str], team: Team
) -> None:
    connection = Connection(environ["MAKIMA_URL"], environ["MAKIMA_NATS_URL"], environ["MAKIMA_TOKEN"])
    async with HeldAgent(connection, Identity(team.contract_id, "builder", None)) as held:
        tools = Tools(held)
        gone = await team.task("build it")
        await tools.wait_for_task()
        await team.contracts.complete_task(gone, success=False)  # a person ended it
        with pytest.raises(ToolError):
            await tools.complete_task(gone.id)
        assert held.works == {}
        kept = await team.task("paint it")
        assert (await tools.wait_for_task())["task"] is not None
        with pytest.raises(ToolError):
            await tools.hand_off_task(kept.id, "no such role: the name is refused")
        assert list(held.works) == [kept.id], "what it still has it can end another way"
        await tools.complete_task(kept.id)


async def test_without_a_makima_each_call_says_so_and_the_connection_of_another_is_not_ended(
    environ: dict[str, str], team: Team
) -> None:
    async with client(environ, MAKIMA_CONTRACT="nothing") as model:
        assert "CONTRACT_NOT_FOUND" in await _refused(model, "read_contract")
    await team.agents.join(team.contract_id, "builder", "kept")
    async with client(environ, MAKIMA_CONNECTION_ID="kept") as model:
        await _called(model, "read_contract")
    await team.turns("ready")


async def test_nothing_but_the_protocol_is_on_stdout_and_sigterm_makes_it_leave(
    environ: dict[str, str], team: Team
) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, env=environ, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert server.stdin
    server.stdin.write(b'garbage\n{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
    await team.turns("ready")
    server.terminate()
    out, _ = await asyncio.wait_for(server.communicate(), PATIENCE)
    assert server.returncode == 143
    assert all(orjson.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())
    await team.turns("offline")
