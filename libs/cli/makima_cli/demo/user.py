"""The demo's person: creates contracts and manages them over HTTP.

It does what only a person does: start contracts, confirm phases, answer questions, pause and resume, give up what is
hopeless, and archive what is finished (`user_policy.py`). The agents do the rest.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, cast

from makima_schemas.contract.model import TERMINAL_STATUSES, ContractStatus
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract
from makima_sdk.paths import path
from makima_sdk.problems import MakimaError, ProblemError

from makima_cli.demo.process import say
from makima_cli.demo.scenarios import MARK, SCENARIOS, number_after, numbered
from makima_cli.demo.user_policy import Action, Move, Need, Seen, reaction

POLL_SECONDS: Final = 2.0
QUICK_POLL_SECONDS: Final = 0.2  # after an action: the next may follow
CONTRACT_INTERVAL_SECONDS: Final = 20.0  # between two contracts, after each scenario was created once
MOST_LIVE: Final = len(SCENARIOS) + 1
MOST_ARCHIVED: Final = 10
STALE_SECONDS: Final = 20
ONCE: Final[frozenset[Action]] = frozenset({"advance", "pause"})


class DemoUser:
    """Creates and manages its own contracts. `run` looks at them every `poll_seconds` seconds until cancelled."""

    def __init__(self, http: Http, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._http = http
        self._contracts = Contracts(http)
        self._every = poll_seconds
        self._done = set[tuple[str, Action]]()
        self._began: datetime | None = None  # when the first of its contracts was created
        self._number = 0  # of the next contract
        self._created = 0  # how many it has created
        self._next_at = 0.0  # time (event loop clock) from which on it may create the next one

    async def run(self) -> None:
        while True:
            again = self._every
            try:
                if await self._looks():
                    again = min(again, QUICK_POLL_SECONDS)
            except MakimaError as error:  # unreachable or failing for a while: try again
                say(f"the person waits: {error}")
            await asyncio.sleep(again)

    async def _looks(self) -> bool:
        """Do one thing. True if there may be more to do at once."""
        mine = [contract async for contract in self._contracts.all({"q": MARK, "limit": 500})]
        if self._began is None:
            self._begin(mine)
        move = reaction(Seen(datetime.now(UTC), mine, await self._needs(), self._began, self._done))
        acted = move is not None and await self._acts(move)
        created = await self._create_another(mine)
        await self._forget([contract for contract in mine if contract.status is ContractStatus.ARCHIVED])
        return acted or created

    def _begin(self, before: list[Contract]) -> None:
        """After what an earlier fleet left behind, whose clock is the server's."""
        self._began = max([datetime.now(UTC), *(contract.created_at for contract in before)])
        self._number = number_after([contract.name for contract in before])

    async def _needs(self) -> list[Need]:
        items = cast("list[dict[str, Any]]", (await self._http.send("GET", "/needs-you")).body["items"])
        return [
            Need(
                item["kind"],
                datetime.fromisoformat(item["since"]),
                item["contract"]["id"],
                None if item["agent"] is None else str(item["agent"]["role"]),
            )
            for item in items
        ]

    async def _acts(self, move: Move) -> bool:
        """Send one action. A refusal means that somebody else was faster, and the next look sees that; or that
        it was too early to advance, which is said in the contract.
        """
        contract = move.contract
        if move.action in ONCE:
            self._done.add((contract.id, move.action))
        try:
            match move.action:
                case "advance" | "confirm":
                    await self._contracts.change_phase(
                        contract.id, _following(contract), confirmed=True, expected_version=contract.version
                    )
                case "answer":
                    await self._answer(contract)
                case action:
                    await self._contracts.act(contract.id, action, reason=move.reason)
        except ProblemError as error:
            say(f"the person could not {move.action} {contract.name}: {error.detail}")
            if move.action == "advance":
                await self._say(contract, f"I wanted to go on. It was refused: {error.detail}")
            return False
        return True

    async def _answer(self, contract: Contract) -> None:
        for question in await self._contracts.questions(contract.id):
            if question.answer is None:
                answer = question.options[0] if question.options else "as you think best"
                await self._contracts.answer(contract.id, question.id, answer)

    async def _say(self, contract: Contract, text: str) -> None:
        where = path("contracts", contract.id, "messages")
        await self._http.send("POST", where, {"role": "user", "content": text[:1000]})

    async def _create_another(self, mine: list[Contract]) -> bool:
        """One of each scenario at first, then another one from time to time."""
        now = asyncio.get_running_loop().time()
        of_mine = [each for each in mine if self._began is None or each.created_at >= self._began]
        live = sum(each.status not in TERMINAL_STATUSES for each in of_mine)
        waiting = sum(each.status is ContractStatus.CREATED for each in of_mine)
        first_round = self._created < len(SCENARIOS)
        if live >= MOST_LIVE or (not first_round and (waiting > 0 or now < self._next_at)):
            return False
        scenario, name = numbered(self._number)
        await self._contracts.create(
            name,
            contract_type=scenario.contract_type,
            description=MARK + scenario.about,
            phase_guard=scenario.guard,
            stale_after_seconds=STALE_SECONDS,
        )
        self._number += 1
        self._created += 1
        self._next_at = now + CONTRACT_INTERVAL_SECONDS
        return first_round

    async def _forget(self, archived: list[Contract]) -> None:
        """Delete the oldest archived contracts over `MOST_ARCHIVED`, so that lists stay short when the demo
        runs for days. Their events stay in the log.
        """
        oldest = sorted(archived, key=lambda contract: contract.status_changed_at)
        for contract in oldest[: max(0, len(archived) - MOST_ARCHIVED)]:
            await self._contracts.delete(contract.id)
            self._done -= {(contract.id, action) for action in ONCE}


def _following(contract: Contract) -> str:
    names = contract.phase_names
    return names[min(names.index(contract.phase) + 1, len(names) - 1)]


async def play(connection: Connection) -> None:
    """Run the demo's person until cancelled."""
    async with Http(connection.url, connection.token) as http:
        await DemoUser(http).run()
