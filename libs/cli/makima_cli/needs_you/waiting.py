"""What waits for a person, over all contracts that the token may see: oldest first."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, cast

from makima_sdk.http import Http, Json
from makima_sdk.paths import path

from makima_cli.contracts.explain import next_phase
from makima_cli.evidence import restart_command
from makima_cli.pages import every

MAX_REQUESTS_AT_ONCE: Final = 8
Kind = Literal["question", "confirmation", "blocked", "agent"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits for a person."""

    kind: Kind
    key: str  # names it over time: `<contract>`, `<contract>/<question id>` or `<contract>/<role>`
    contract_id: str
    since: str  # RFC 3339
    text: str  # what an agent or a person wrote, as it is
    do: str  # the command that takes care of it
    options: Sequence[str] = ()  # of a question: the answers to choose from
    version: int | None = None  # of the contract that was looked at

    def shown(self, number: int) -> Json:
        """For JSON: with its number in the list."""
        return {"number": number, **asdict(self)}


async def everything(http: Http) -> list[Item]:
    """Open questions, confirmations, blocked contracts, and agents that no restart brought back."""
    waiting, blocked, agents = await asyncio.gather(
        every(http, "/contracts", {"waiting": "true"}),
        every(http, "/contracts", {"status": "blocked"}),
        every(http, "/agents", {"status": "dead_failed_revive"}),
    )
    limit = asyncio.Semaphore(MAX_REQUESTS_AT_ONCE)

    async def questions_of(contract: Json) -> list[Item]:
        async with limit:
            route = path("contracts", str(contract["id"]), "questions")
            return [_question(each) for each in await every(http, route) if each["status"] == "open"]

    questions = await asyncio.gather(*(questions_of(contract) for contract in [*waiting, *blocked]))
    found = [
        *(item for several in questions for item in several),
        *(item for contract in waiting for item in _confirmation(contract)),
        *(_blocked(contract) for contract in blocked),
        *(_agent(agent) for agent in agents),
    ]
    return sorted(found, key=lambda item: (item.since, item.key))


def _question(question: Json) -> Item:
    contract, own = str(question["contract_id"]), str(question["id"])
    return Item(
        "question",
        f"{contract}/{own}",
        contract,
        str(question["asked_at"]),
        str(question["question"]),
        f"makima contracts answer {contract} {own} ANSWER",
        cast("Sequence[str]", question["options"]),
    )


def _confirmation(contract: Json) -> Iterable[Item]:
    following = next_phase(contract)
    if contract["waiting_for"] == "phase_confirmation" and following is not None:
        own = str(contract["id"])
        text = f"{contract['name']}: phase {contract['phase']} is done; may it go on to {following}?"
        do = f"makima contracts confirm {own}"
        version = cast("int", contract["version"])
        yield Item("confirmation", own, own, str(contract["status_changed_at"]), text, do, version=version)


def _blocked(contract: Json) -> Item:
    own = str(contract["id"])
    text = f"{contract['name']}: {contract['blocked_reason'] or 'blocked, no reason given'}"
    do = f"makima contracts unblock {own}"
    return Item("blocked", own, own, str(contract["status_changed_at"]), text, do)


def _agent(agent: Json) -> Item:
    contract, role = str(agent["contract_id"]), str(agent["role"])
    where = f" on daemon {agent['daemon_id']}" if agent["daemon_id"] else ""
    text = f"agent {role} died{where}, and could not be started again"
    if agent.get("restart_refused"):
        text = f"{text}; {agent['restart_refused']}"
        do = f"makima contracts resume {contract}"
    else:
        do = restart_command(contract, role)
    return Item("agent", f"{contract}/{role}", contract, str(agent["since"]), text, do)
