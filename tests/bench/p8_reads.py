"""P8, and P11 for reads: dashboard, list and show at 100 000 contracts with an agent each, and their agents, beside bare routes on the same rows
and a gateway with a tenth of them.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

import asyncpg
import httpx
import nats as nats_py
from makima_gateway.read_model.projection import ReadModel
from makima_kernel.event_log.append import SQL, Append, arguments, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.projections.rebuild import rebuild
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractArchived,
    ContractCompleted,
    ContractCreated,
    ContractFailed,
    ContractStarted,
    InputAwaited,
    QuestionAsked,
)
from makima_schemas.contract.model import Deliverable, Phase
from makima_schemas.silence import StaleDetected

from tests.bench.figure import BenchEnv, Figure, bench_env
from tests.bench.lean_http import LeanHttp
from tests.bench.p10_rebuild import META
from tests.bench.served import TOKEN, Ask, drive, percentiles, provisioned, served
from tests.bench.writers import some_id
from tests.services.gateway.read_model.random_logs import BEGIN

MANY: Final = 100_000
FEW: Final = MANY // 10
TOGETHER: Final = 200  # streams in one append
RATE: Final = 25
SECONDS: Final = 5.0
ROUNDS: Final = 4  # the first warms up
PHASES: Final = (
    Phase("plan", (Deliverable("plan-document", "Plan document"),)),
    Phase("execute", (Deliverable("pull-request", "PR"),)),
)
WANTED: Final = {"dashboard": 20.0, "list": 30.0, "show": 10.0, "agents": 30.0, "team": 10.0}
BESIDE: Final = {
    "dashboard": "a bare COUNT of the rows",
    "list": "a bare route: 50 rows",
    "show": "a bare route: one row",
    "agents": "a bare route: 50 rows",
    "team": "a bare route: one row",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway with so many contracts."""

    contracts: int
    ours: str
    bare: str


async def measure(env: BenchEnv) -> list[Figure]:
    waits: dict[tuple[str, str], list[float]] = {}
    async with bench_env() as other, filled(env, MANY) as many, filled(other, FEW) as few:
        for number in range(ROUNDS):
            for what in WANTED:
                for where, url, ask in (
                    ("many", many.ours, our(what, many.contracts)),
                    ("few", few.ours, our(what, few.contracts)),
                    ("bare", many.bare, plain(what, many.contracts)),
                ):
                    heard = await drive(url, ask, RATE, SECONDS)
                    waits.setdefault((what, where), []).extend(heard if number else ())
    return [figure for what in WANTED for figure in figures(what, waits)]


def figures(what: str, waits: dict[tuple[str, str], list[float]]) -> list[Figure]:
    (p50, p99), (few_p50, _), (_, bare_p99) = (
        percentiles(waits[what, where]) for where in ("many", "few", "bare")
    )
    wanted = WANTED[what]
    return [
        Figure(
            "P8",
            f"{what} at {MANY:,} contracts, p99",
            p99,
            "ms",
            bare_p99,
            BESIDE[what],
            f"≤ {wanted:g} ms",
            p99 <= wanted,
        ),
        Figure(
            "P11",
            f"{what} at {MANY:,} contracts, p50",
            p50,
            "ms",
            few_p50,
            f"at {FEW:,}",
            "≤ 1.3 × at a tenth",
            p50 <= 1.3 * few_p50,
        ),
    ]


def our(what: str, contracts: int) -> Ask:
    return _get(
        {
            "dashboard": "/api/v1/contracts/dashboard",
            "list": "/api/v1/contracts",
            "show": "/api/v1/contracts/{}",
            "agents": "/api/v1/agents?status=working,dead",
            "team": "/api/v1/contracts/{}/agents",
        }[what],
        contracts,
    )


def plain(what: str, contracts: int) -> Ask:
    many, one = "/contracts", "/contracts/{}"
    paths = {"dashboard": "/counts", "list": many, "show": one, "agents": many, "team": one}
    return _get(paths[what], contracts)


def _get(path: str, contracts: int) -> Ask:
    chance = Random(7)

    async def ask(client: LeanHttp) -> None:
        answer = await client.get(path.format(f"c{chance.randrange(contracts)}"))
        if answer.status != 200:
            raise RuntimeError(f"{path} was not answered: {answer}")

    return ask


@asynccontextmanager
async def filled(env: BenchEnv, contracts: int) -> AsyncGenerator[Place]:
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    head = await fill(dsn, contracts)
    async with asyncpg.create_pool(dsn, min_size=2, max_size=2) as pool:
        await rebuild(
            ReadModel(), pool, Log(pool)
        )  # many times as fast as a gateway that begins from nothing beside its relay
        await pool.execute("vacuum analyze")
    async with served(dsn, env.nats_url, "gateway") as (ours, bare):
        await quiet(env, ours, contracts, head)
        yield Place(contracts, ours, bare)


async def fill(dsn: str, contracts: int) -> int:
    """The log's position after all of them."""
    connection = await asyncpg.connect(dsn)
    for first in range(0, contracts, TOGETHER):
        told = [story(number) for number in range(first, min(first + TOGETHER, contracts))]
        await connection.fetch(SQL, *arguments(appends(item for one in told for item in one)))
    head: int = await connection.fetchval("select max(position) from event_log.events")
    await connection.close()
    return head


def appends(told: Iterable[tuple[str, Sequence[Event]]]) -> list[Append]:
    return [
        Append("default", stream, some_id(), b"h" * 32, None, tuple(map(new_event, events)), META)
        for stream, events in told
    ]


def story(number: int) -> list[tuple[str, Sequence[Event]]]:
    """Of a hundred: 5 are new, 44 at work, 1 asks, 40 are complete, 5 failed, 5 archived; one in two hundred
    is stale.
    """
    name, kind = f"c{number}", number % 100
    created = ContractCreated(
        f"contract {number}", "made for a benchmark", "simple", f"owner-{number % 50}", PHASES, False, True
    )
    events: list[Event] = [created] if kind < 5 else [created, ContractStarted()]
    if kind == 49:
        events += [QuestionAsked(f"q{number}", "which way?", "text"), InputAwaited("question")]
    if kind >= 50:
        events.append(ContractFailed("no budget") if kind >= 95 else ContractCompleted("no_worktrees"))
    if 90 <= kind < 95:
        events.append(ContractArchived())
    stale = [(f"silence-{name}", [StaleDetected(name, BEGIN, 1800.0, 1801.0)])] if number % 200 == 7 else []
    return [(f"contract-{name}", events), *stale, (f"agent-{name}:builder", agents_life(name, kind))]


def agents_life(contract: str, kind: int) -> list[Event]:
    """Of a hundred agents 50 are at work, 5 are dead, the others are ready."""
    life: list[Event] = [AgentJoined(contract, "builder", "a1", "d1")]
    if kind < 50:
        life.append(
            AgentStatusChanged(
                contract, "builder", AgentStatus.READY, AgentStatus.WORKING, "task_taken", "a1"
            )
        )
    elif kind >= 95:
        life.append(
            AgentStatusChanged(contract, "builder", AgentStatus.READY, AgentStatus.DEAD, "reported", "a1")
        )
    return life


async def quiet(env: BenchEnv, url: str, contracts: int, head: int) -> None:
    """Until the read model shows all of them, and the stream has all that the log has."""
    nats = await nats_py.connect(env.nats_url)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        while True:
            answer = await client.get(
                f"{url}/api/v1/contracts/dashboard", headers={"Makima-Min-Position": str(head)}
            )
            relayed = (await nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.last_seq
            shown = sum(answer.json()["statusCounts"].values()) if answer.status_code == 200 else 0
            if shown == contracts and relayed >= head and "Makima-Read-Behind" not in answer.headers:
                break
            await asyncio.sleep(0.5)
    await nats.close()
