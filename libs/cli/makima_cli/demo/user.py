"""The demo user: creates contracts and manages them over HTTP.

It does what only a person does: start contracts, confirm phases, answer questions, pause a contract if too
many are active, reopen failed ones once, and archive finished ones. Each action follows from the state of the
contracts (`user_policy.py`). The agents, not the user, decide whether the work is blocked, failed or done.
"""

import asyncio
from typing import Final

from makima_schemas.contract.model import TERMINAL_STATUSES, ContractStatus
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract
from makima_sdk.problems import MakimaError, ProblemError

from makima_cli.demo.process import say
from makima_cli.demo.scenarios import MARK, SCENARIO_BATCH_SIZE, SCENARIOS, phases, scenario_of
from makima_cli.demo.user_policy import Move, reaction

USER_POLL_SECONDS: Final = 0.7
CONTRACT_INTERVAL_SECONDS: Final = 1.0  # between two contracts of a batch
BATCH_INTERVAL_SECONDS: Final = 40.0  # between batches, after each scenario was created once
MOST_LIVE: Final = 8
MOST_ARCHIVED: Final = 24


class DemoUser:
    """Creates and manages its own contracts. `run` checks them every `poll_seconds` seconds until cancelled."""

    def __init__(self, contracts: Contracts, *, poll_seconds: float = USER_POLL_SECONDS) -> None:
        self._contracts = contracts
        self._every = poll_seconds
        self._reopened: frozenset[str] = frozenset()  # ids of contracts that it reopened once
        self._created = 0  # number of contracts that it created
        self._next_at = 0.0  # time (event loop clock) from which on it may create the next one

    async def run(self) -> None:
        while True:
            try:
                await self._check_contracts()
            except MakimaError as error:  # unreachable or failing for a while: try again
                say(f"the user waits: {error}")
            await asyncio.sleep(self._every)

    async def _check_contracts(self) -> None:
        mine = [contract async for contract in self._contracts.all({"q": MARK, "limit": 500})]
        move = reaction(mine, self._reopened)
        if move is not None:
            await self._try(move)
        await self._create_another(sum(contract.status not in TERMINAL_STATUSES for contract in mine))
        await self._forget([contract for contract in mine if contract.status is ContractStatus.ARCHIVED])

    async def _try(self, move: Move) -> None:
        """Send one action. A refusal means that the agents changed the contract meanwhile; the next check
        sees that.
        """
        contract = move.contract
        try:
            match move.action:
                case "confirm":
                    following = contract.phase_names[contract.phase_names.index(contract.phase) + 1]
                    await self._contracts.change_phase(
                        contract.id, following, confirmed=True, expected_version=contract.version
                    )
                case "answer":
                    await self._answer(contract)
                case action:
                    await self._contracts.act(contract.id, action, reason=move.reason)
        except ProblemError as error:
            say(f"the user could not {move.action} {contract.id}: {error.detail}")
            return
        if move.action == "reopen":
            self._reopened |= {contract.id}

    async def _answer(self, contract: Contract) -> None:
        for question in await self._contracts.questions(contract.id):
            if question.answer is None:
                await self._contracts.answer(
                    contract.id, question.id, question.options[0] if question.options else "as you think best"
                )

    async def _create_another(self, live: int) -> None:
        now = asyncio.get_running_loop().time()
        if live >= MOST_LIVE or now < self._next_at:
            return
        scenario, name, description = scenario_of(self._created)
        await self._contracts.create(
            name,
            contract_type=scenario.contract_type,
            description=description,
            phase_guard=scenario.guard,
            phases=phases(scenario),
            stale_after_seconds=10,
        )
        self._created += 1
        enough = self._created >= len(SCENARIOS) and self._created % SCENARIO_BATCH_SIZE == 0
        self._next_at = now + (BATCH_INTERVAL_SECONDS if enough else CONTRACT_INTERVAL_SECONDS)

    async def _forget(self, archived: list[Contract]) -> None:
        """Delete the oldest archived contracts over `MOST_ARCHIVED`, so that lists stay short when the demo
        runs for days.

        Their events stay in the log.
        """
        oldest = sorted(archived, key=lambda contract: contract.status_changed_at)[
            : max(0, len(archived) - MOST_ARCHIVED)
        ]
        for contract in oldest:
            await self._contracts.delete(contract.id)
            self._reopened -= {contract.id}


async def play(connection: Connection) -> None:
    """Run the demo user until cancelled."""
    async with Http(connection.url, connection.token) as http:
        await DemoUser(Contracts(http)).run()
