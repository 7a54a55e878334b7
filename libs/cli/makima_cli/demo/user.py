"""The demo user: makes contracts, confirms, answers, pauses, gives up and puts away, all over HTTP like anybody else."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from makima_schemas.contract.model import ContractStatus
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli.demo.stories import MARK, STORIES, Action, Move, next_move, told

LOOK_SECONDS: Final = 0.5
FIRST_SECONDS: Final = 1.0  # between the first contracts: one of each story, soon
LATER_SECONDS: Final = 10.0  # between the later ones: it runs for days
MOST_LIVE: Final = 8
MOST_ARCHIVED: Final = 24

LIVE: Final = frozenset(ContractStatus) - {ContractStatus.COMPLETED, ContractStatus.FAILED, ContractStatus.ARCHIVED}


class DemoUser:
    """Looks at its own contracts twice a second and does what each one's story says."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._made: dict[str, frozenset[Action]] = {}
        self._told = 0
        self._next_at = 0.0

    async def run(self) -> None:
        while True:
            with suppress(UnreachableError):  # makima is restarting; so does life
                await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        mine = [contract async for contract in self._contracts.all({"q": MARK, "limit": 500})]
        now = datetime.now(UTC)
        for contract in mine:
            move = next_move(contract, now, self._made.get(contract.id, frozenset()))
            if move is not None:
                await self._try(contract, move)
        await self._tell_another(sum(contract.status in LIVE for contract in mine))
        await self._forget([contract for contract in mine if contract.status is ContractStatus.ARCHIVED])

    async def _try(self, contract: Contract, move: Move) -> None:
        """What is refused was overtaken by the agents; the next look shows how."""
        before = self._made.get(contract.id, frozenset[Action]())
        self._made[contract.id] = before | frozenset((move.action,))
        try:
            match move.action:
                case "confirm":
                    following = contract.phase_names[contract.phase_names.index(contract.phase) + 1]
                    await self._contracts.change_phase(contract.id, following, confirmed=True, expected_version=contract.version)
                case "answer":
                    await self._answer(contract)
                case action:
                    await self._contracts.act(contract.id, action, reason=move.reason)
        except ProblemError:
            self._made[contract.id] = before

    async def _answer(self, contract: Contract) -> None:
        for question in await self._contracts.questions(contract.id):
            if question.answer is None:
                await self._contracts.answer(contract.id, question.id, question.options[0] if question.options else "as you think best")

    async def _tell_another(self, live: int) -> None:
        now = asyncio.get_running_loop().time()
        if live >= MOST_LIVE or now < self._next_at:
            return
        story, name, description = told(self._told)
        await self._contracts.create(
            name, contract_type=story.contract_type, description=description, phase_guard=story.guard, stale_after_seconds=10
        )
        self._told += 1
        self._next_at = now + (FIRST_SECONDS if self._told < len(STORIES) else LATER_SECONDS)

    async def _forget(self, archived: list[Contract]) -> None:
        """So that it can run for days: the log keeps them, the lists need not."""
        oldest = sorted(archived, key=lambda contract: contract.status_changed_at)[: max(0, len(archived) - MOST_ARCHIVED)]
        for contract in oldest:
            try:
                await self._contracts.delete(contract.id)
            except ProblemError:
                continue
            self._made.pop(contract.id, None)


async def play(connection: Connection) -> None:
    """Until cancelled."""
    async with Http(connection.url, connection.token) as http:
        await DemoUser(Contracts(http)).run()
