"""The tools of the MCP server: one function each, whose docstring is what the model reads."""

from collections.abc import Awaitable, Mapping
from typing import Annotated, Final, Literal

import orjson
from makima_sdk.agent import Agent
from makima_sdk.changes import ContractChanges
from makima_sdk.models import Question, Task
from makima_sdk.problems import ProblemError
from makima_sdk.work import HELD, Work
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from makima_cli.mcp_server.held_agent import CALL_SECONDS, HeldAgent

MAX_TEXT: Final = 20_000  # characters of a result, an evidence, a question
MAX_OPTIONS: Final = 20
MAX_WAIT_SECONDS: Final = 600

Answered = dict[str, object]
TaskId = Annotated[str, Field(description="The id that wait_for_task gave.", max_length=64)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Name = Annotated[str, Field(max_length=64)]
Wait = Annotated[
    float,
    Field(description="How long to wait, in seconds; then call again.", ge=0, le=MAX_WAIT_SECONDS),
]
WAITS: Final = 45.0

INSTRUCTIONS: Final = """You are an agent of a contract that makima watches: `{role}` of {contract}. Call
wait_for_task until it gives you a task, start_task, do the work, tell what you do with report_progress, and end it
with complete_task or hand_off_task; then wait for the next one. Ask a person with ask. If a tool says that another
process is this agent now, stop."""


def server_of(held: HeldAgent) -> MCPServer:
    """The server; its tools act for this agent."""
    who = held.identity
    instructions = INSTRUCTIONS.format(role=who.role, contract=who.contract_id)
    server = MCPServer("makima", instructions=instructions, log_level="WARNING")
    tools = Tools(held)
    for tool in (
        tools.wait_for_task,
        tools.start_task,
        tools.complete_task,
        tools.hand_off_task,
        tools.ask,
        tools.wait_for_answer,
        tools.report_progress,
        tools.complete_deliverable,
        tools.read_contract,
    ):
        server.add_tool(tool)
    return server


class Tools:
    """What a model can do as this agent. Each method raises `ToolError`, which the model reads."""

    def __init__(self, held: HeldAgent) -> None:
        self._held = held

    async def wait_for_task(self, timeout_seconds: Wait = WAITS) -> Answered:
        """Wait for the next task of your role, and claim it. `task` is null if none came in time: call again.
        A task that you have and did not finish comes first.
        """
        async with self._held.acting(timeout_seconds + CALL_SECONDS) as agent:
            unfinished = next(iter(self._held.works.values()), None)
            if unfinished is not None:
                return {"task": _task(unfinished.task)}
            work = await self._held.unless_lost(agent, _next(agent), timeout_seconds)
            if isinstance(work, _Ended):
                return {"task": None, "contract_has_ended": True}
            if work is None:
                return {"task": None}
            self._held.works[work.id] = work
            return {"task": _task(work.task)}

    async def start_task(self, task_id: TaskId) -> Answered:
        """Say that you begin to work on the task."""
        async with self._held.acting():
            work = self._work(task_id)
            await work.start()
            return {"task": _task(work.task)}

    async def complete_task(
        self, task_id: TaskId, success: bool = True, result: Text | None = None
    ) -> Answered:
        """Say that the task is done, or has failed (`success` false), and in `result` what came out."""
        async with self._held.acting() as agent:
            await self._end(agent, task_id, self._work(task_id).complete(success=success, result=result))
            return {"completed": task_id}

    async def hand_off_task(self, task_id: TaskId, to_role: Name, result: Text | None = None) -> Answered:
        """Say that your part of the task is done, and make a task for the role that goes on with it."""
        async with self._held.acting() as agent:
            await self._end(agent, task_id, self._work(task_id).handoff(to_role, result=result))
            return {"handed_off": task_id, "to_role": to_role}

    async def ask(
        self,
        question: Text,
        question_type: Literal["text", "choice", "confirm"] = "text",
        options: Annotated[list[Text], Field(max_length=MAX_OPTIONS)] | None = None,
        timeout_seconds: Wait = WAITS,
    ) -> Answered:
        """Ask a person, and wait for the answer. `options` are those of a choice. `answer` is null if none came in
        time: call wait_for_answer with the question_id, and do not ask again.
        """
        async with self._held.acting(timeout_seconds + CALL_SECONDS) as agent:
            posed = await agent.contracts.ask(
                agent.contract_id, question, question_type=question_type, options=options or ()
            )
            return await self._answer(agent, posed.id, timeout_seconds)

    async def wait_for_answer(self, question_id: Name, timeout_seconds: Wait = WAITS) -> Answered:
        """Wait for the answer to a question that you asked. `answer` is null if none came in time: call again."""
        async with self._held.acting(timeout_seconds + CALL_SECONDS) as agent:
            return await self._answer(agent, question_id, timeout_seconds)

    async def report_progress(
        self,
        activity: Annotated[str, Field(description="What you do now, in a few words.", max_length=500)],
        percent: Annotated[int, Field(ge=0, le=100)] | None = None,
    ) -> Answered:
        """Tell the people who watch what you do now, and how far you are. Call it at each step of your work: an agent
        without progress is shown as stuck.
        """
        async with self._held.acting() as agent:
            agent.report(activity=activity, progress=percent)
            return {"reported": True}

    async def complete_deliverable(
        self, deliverable_id: Name, phase: Name | None = None, evidence: Text | None = None
    ) -> Answered:
        """Say that a deliverable of the contract is there; `phase` null means the current one."""
        async with self._held.acting() as agent:
            contract = await agent.contracts.complete_deliverable(
                agent.contract_id, deliverable_id, phase=phase, evidence=evidence
            )
            return {"phase": contract.phase, "missing_deliverables": list(contract.missing_deliverables())}

    async def read_contract(self) -> Answered:
        """Read the contract that you work for: what it is about, its phase, deliverables, tasks and questions."""
        async with self._held.acting() as agent:
            contracts, contract_id = agent.contracts, agent.contract_id
            return {
                "contract": _plain(await contracts.get(contract_id)),
                "tasks": [_task(task) for task in await contracts.tasks(contract_id)],
                "questions": [_plain(question) for question in await contracts.questions(contract_id)],
            }

    def _work(self, task_id: str) -> Work:
        work = self._held.works.get(task_id)
        if work is None:
            raise ToolError(
                f"you have no task {task_id}: call wait_for_task, which gives you those you hold first"
            )
        return work

    async def _end(self, agent: Agent, task_id: str, ending: Awaitable[None]) -> None:
        """Of a task that makima does not take the end of, it is asked whether this agent still has it."""
        try:
            await ending
        except ProblemError:
            tasks = await agent.contracts.tasks(agent.contract_id)
            mine = (one.id for one in tasks if one.status in HELD and self._held.is_mine(one))
            if task_id not in mine:
                self._held.works.pop(task_id, None)  # wait_for_task would give it again and again
            raise
        self._held.works.pop(task_id, None)  # empty already if the agent was lost meanwhile

    async def _answer(self, agent: Agent, question_id: str, seconds: float) -> Answered:
        question = await self._held.unless_lost(agent, _answered(agent, question_id), seconds)
        return {"question_id": question_id, "answer": question.answer if question else None}


class _Ended:
    """The contract has ended: no task will come."""


async def _next(agent: Agent) -> Work | _Ended:
    return await anext(agent.tasks(), _Ended())


async def _answered(agent: Agent, question_id: str) -> Question:
    """The question once it is answered. Raises `ToolError` if there is none."""
    changes = ContractChanges(agent.requests, agent.contract_id)
    while True:
        await changes.next()
        known = await agent.contracts.questions(agent.contract_id)
        question = next((one for one in known if one.id == question_id), None)
        if question is None:
            raise ToolError(f"there is no question {question_id}: read_contract lists those there are")
        if question.answer is not None:
            return question


def _task(task: Task) -> Answered:
    shown = ("id", "name", "phase", "role", "status", "plan", "result")
    return {name: value for name, value in _plain(task).items() if name in shown}


def _plain(value: object) -> Mapping[str, object]:
    """A model of the SDK as JSON has it."""
    return orjson.loads(orjson.dumps(value))
