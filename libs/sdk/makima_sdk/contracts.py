"""Typed client for the HTTP routes of contracts, tasks, deliverables and questions."""

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from makima_schemas.contract.model import QuestionType

from makima_sdk.http import Json, Query, Sender
from makima_sdk.models import Contract, Page, Question, Task, read
from makima_sdk.paths import path

T = TypeVar("T")


class Contracts:
    """The contract routes of one makima installation.

    Every method raises `ProblemError` if the server refuses the request (`code` gives the reason) and
    `UnreachableError` if it does not answer. While the server is unreachable, `Http` repeats a write with the
    same idempotency key, so that it is applied once.
    """

    def __init__(self, http: Sender) -> None:
        self._http = http

    async def create(
        self,
        name: str,
        *,
        contract_type: str = "simple",
        description: str = "",
        phase_guard: bool = False,
        phases: Sequence[Json] | None = None,
        stale_after_seconds: int | None = None,
        key: str | None = None,
    ) -> Contract:
        """Create a contract; it is returned in status `created`.

        `phases` replaces the phases of the contract type (shape: interfaces.md, POST /contracts). `key` is
        the idempotency key: two calls with the same key create one contract.
        """
        body: dict[str, object] = {
            "name": name,
            "contract_type": contract_type,
            "description": description,
            "phase_guard": phase_guard,
        }
        if phases is not None:
            body["phases"] = list(phases)
        if stale_after_seconds is not None:
            body["stale_after_seconds"] = stale_after_seconds
        return read(Contract, (await self._http.send("POST", "/contracts", body, key=key)).body)

    async def get(self, contract_id: str) -> Contract:
        return read(Contract, (await self._http.send("GET", path("contracts", contract_id))).body)

    async def page(self, query: Query | None = None) -> Page[Contract]:
        """Return one page of contracts. `query` takes the parameters of interfaces.md: `status`, `phase`,
        `stale`, `waiting`, `q`, `limit`, `cursor`.
        """
        return read(Page[Contract], (await self._http.send("GET", "/contracts", query=query)).body)

    async def all(self, query: Query | None = None) -> AsyncIterator[Contract]:
        """Yield every contract that matches the filters of `query`; fetches one page at a time."""
        parameters = dict(query or {})
        while True:
            page = await self.page(parameters)
            for contract in page.items:
                yield contract
            if page.next_cursor is None:
                return
            parameters["cursor"] = page.next_cursor

    async def act(
        self, contract_id: str, action: str, *, reason: str | None = None, expected_version: int | None = None
    ) -> Contract:
        """Change the contract's status. `action` is one of start, pause, resume, block, unblock, fail,
        reopen, complete, archive.
        """
        body = {} if reason is None else {"reason": reason}
        route = path("contracts", contract_id, action)
        return read(
            Contract, (await self._http.send("POST", route, body, expected_version=expected_version)).body
        )

    async def delete(self, contract_id: str) -> None:
        """Delete a contract. The server refuses unless it is archived."""
        await self._http.send("DELETE", path("contracts", contract_id))

    async def change_phase(
        self,
        contract_id: str,
        phase: str,
        *,
        confirmed: bool = False,
        force: bool = False,
        expected_version: int | None = None,
    ) -> Contract:
        """Move the contract to `phase`.

        `confirmed` gives the confirmation that a phase guard requires. `force` skips the checks of phase
        order and gate, but not those of the expected version and the phase guard.
        """
        body: Json = {"phase": phase, "confirmed": confirmed, "force": force}
        route = path("contracts", contract_id, "phase")
        return read(
            Contract, (await self._http.send("POST", route, body, expected_version=expected_version)).body
        )

    async def complete_deliverable(
        self, contract_id: str, deliverable_id: str, *, phase: str | None = None, evidence: str | None = None
    ) -> Contract:
        """Mark a deliverable as completed. Repeating it returns the same answer and records no event. `phase`
        None means the current phase.
        """
        body = {
            name: value for name, value in (("phase", phase), ("evidence", evidence)) if value is not None
        }
        route = path("contracts", contract_id, "deliverables", deliverable_id, "complete")
        return read(Contract, (await self._http.send("POST", route, body)).body)

    async def tasks(self, contract_id: str, at: int | None = None) -> tuple[Task, ...]:
        """Return all tasks of the contract, oldest first, as they were at its version `at` if it is given; fetches
        500 at a time.
        """
        route = path("contracts", contract_id, "tasks")
        return tuple([task async for task in self._items(Task, route, at)])

    async def create_task(
        self,
        contract_id: str,
        name: str,
        *,
        phase: str | None = None,
        role: str | None = None,
        key: str | None = None,
    ) -> Task:
        """Create a task. `key` is the idempotency key: two calls with the same key create one task."""
        body = {"name": name} | {
            member: value for member, value in (("phase", phase), ("role", role)) if value is not None
        }
        return read(
            Task, (await self._http.send("POST", path("contracts", contract_id, "tasks"), body, key=key)).body
        )

    async def claim_task(self, task: Task, role: str, connection_id: str) -> Task:
        return await self._task(task, "claim", {"role": role, "connection_id": connection_id})

    async def start_task(self, task: Task, connection_id: str | None = None) -> Task:
        return await self._task(task, "start", {"connection_id": connection_id})

    async def release_task(self, task: Task, connection_id: str | None = None) -> Task:
        return await self._task(task, "release", {"connection_id": connection_id})

    async def complete_task(
        self, task: Task, *, success: bool = True, result: str | None = None, connection_id: str | None = None
    ) -> Task:
        return await self._task(
            task, "complete", {"success": success, "result": result, "connection_id": connection_id}
        )

    async def questions(self, contract_id: str, at: int | None = None) -> tuple[Question, ...]:
        """Return all questions of the contract, oldest first, as `tasks` does."""
        route = path("contracts", contract_id, "questions")
        return tuple([question async for question in self._items(Question, route, at)])

    async def ask(
        self,
        contract_id: str,
        question: str,
        *,
        question_type: QuestionType = "text",
        options: Sequence[str] = (),
        key: str | None = None,
    ) -> Question:
        body: Json = {"question": question, "question_type": question_type, "options": list(options)}
        return read(
            Question,
            (await self._http.send("POST", path("contracts", contract_id, "questions"), body, key=key)).body,
        )

    async def answer(self, contract_id: str, question_id: str, answer: str) -> Question:
        route = path("contracts", contract_id, "questions", question_id, "answer")
        return read(Question, (await self._http.send("POST", route, {"answer": answer})).body)

    async def _task(self, task: Task, action: str, body: Json) -> Task:
        given = {name: value for name, value in body.items() if value is not None}
        route = path("contracts", task.contract_id, "tasks", task.id, action)
        return read(Task, (await self._http.send("POST", route, given)).body)

    async def _items(self, model: type[T], route: str, at: int | None) -> AsyncIterator[T]:
        parameters: dict[str, str | int | bool] = {"limit": 500}
        if at is not None:
            parameters["at"] = at
        while True:
            answer = await self._http.send("GET", route, query=parameters)
            page = read(Page[model], answer.body)
            for item in page.items:
                yield item
            if page.next_cursor is None:
                return
            parameters["cursor"] = page.next_cursor
