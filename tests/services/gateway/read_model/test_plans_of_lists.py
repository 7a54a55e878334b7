"""Lists and counts of ten thousand contracts and agents read by an index what they need, and nothing twice."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final, get_args

import asyncpg
import pytest
import pytest_asyncio
from makima_gateway.dashboard.queries import MAX_LISTED_CONTRACTS, RECENT_EVENTS
from makima_gateway.dashboard.queries import SQL as DASHBOARD
from makima_gateway.needs_you.queries import SQL as NEEDS
from makima_gateway.read_model.agent_queries import SQL as AGENTS
from makima_gateway.read_model.agent_queries import AgentSort
from makima_gateway.read_model.queries import PAGE_BYTES, SQL, Filter, Visibility, matching
from makima_gateway.read_model.sorted_contracts import Sort
from makima_local.postgres import Postgres
from makima_schemas.agent import AgentStatus

from tests.servers import fresh_database
from tests.services.gateway.read_model.many_rows import MANY, Node, fill, plan_of, reads, rows_read

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMIT: Final = 50
TABLES: Final = ("contracts", "agents", "supervisors", "questions")
EVERY, DEAD = list(AgentStatus), [AgentStatus.DEAD]
ALL, OWNERS, DAEMONS = (
    Visibility("default"),
    Visibility("default", "owner-7"),
    Visibility("default", None, "d7"),
)
FILTERS: Final = (
    Filter(status=["blocked", "failed"]),
    Filter(waiting=True),
    Filter(stale=True),
    Filter(phase="plan"),
    Filter(threshold=timedelta(minutes=30)),
)
NARROW: Final = [
    *((ALL, each) for each in FILTERS),
    *((each, Filter(q="contract 77")) for each in (OWNERS, DAEMONS)),
]
ENOUGH: Final = 1_500  # rows: what the widest of these filters matches, and no tenth of the table


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(postgres_server: Postgres, template_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with (
        fresh_database(postgres_server, template_database) as database,
        asyncpg.create_pool(database, min_size=1, max_size=2) as made,
    ):
        await fill(made)
        yield made


def check(plan: Node, *, at_most: int) -> None:
    """Nothing is read but by an index, and no more than this of each table."""
    for table in TABLES:
        found = list(reads(plan, table))
        assert all("Index" in str(node["Node Type"]) or "Bitmap" in str(node["Node Type"]) for node in found)
        assert sum(map(rows_read, found)) <= at_most, (table, plan)


@pytest.mark.parametrize(("seen", "wanted"), NARROW)
async def test_a_list_and_its_count_read_what_their_filter_matches(
    filled: asyncpg.Pool, seen: Visibility, wanted: Filter
) -> None:
    of = matching(seen, wanted)
    check(await plan_of(filled, SQL["contracts"], *of, None, LIMIT, PAGE_BYTES), at_most=ENOUGH)
    check(await plan_of(filled, SQL["contracts_count"], *of), at_most=ENOUGH)


async def test_the_newest_contracts_are_read_alone(filled: asyncpg.Pool) -> None:
    for seen in (ALL, OWNERS, DAEMONS):
        of = matching(seen, Filter())
        check(await plan_of(filled, SQL["contracts"], *of, None, LIMIT, PAGE_BYTES), at_most=LIMIT)


@pytest.mark.parametrize("sort", get_args(Sort))
async def test_contracts_in_another_order_read_each_that_matches_once(
    filled: asyncpg.Pool, sort: str
) -> None:
    behind = (sort, None, None, None, LIMIT)
    for seen, wanted in ((ALL, Filter(waiting=True)), (OWNERS, Filter()), (DAEMONS, Filter())):
        plan = await plan_of(filled, SQL["contracts_sorted"], *matching(seen, wanted), *behind)
        check(plan, at_most=ENOUGH)
    whole = await plan_of(filled, SQL["contracts_sorted"], *matching(ALL, Filter()), *behind)
    for table in TABLES:
        # the page's rows are read again, by their key
        assert sum(map(rows_read, reads(whole, table))) <= MANY + LIMIT


@pytest.mark.parametrize("sort", get_args(AgentSort))
async def test_agents_in_another_order_read_each_that_matches_once(filled: asyncpg.Pool, sort: str) -> None:
    for seen, status, daemon in (
        (ALL, DEAD, None), (ALL, EVERY, "d7"), (OWNERS, EVERY, None), (DAEMONS, EVERY, None),
    ):  # fmt: skip
        arguments = (status, [True, False], LIMIT, None, daemon, sort, None, None, None, None)
        plan = await plan_of(
            filled, AGENTS["agents_sorted"], seen.tenant, *arguments, seen.owner_id, seen.daemon_id
        )
        check(plan, at_most=ENOUGH)


async def test_what_waits_for_a_person_is_found_by_its_status(filled: asyncpg.Pool) -> None:
    for owner in (None, "owner-7"):
        plan = await plan_of(filled, NEEDS["needs"], "default", owner, None, None, None, None, LIMIT)
        check(plan, at_most=ENOUGH)


async def test_the_dashboard_reads_only_the_contracts_that_it_lists(filled: asyncpg.Pool) -> None:
    listed = len(("stale", "waiting")) * MAX_LISTED_CONTRACTS
    plan = await plan_of(filled, DASHBOARD["dashboard"], "default", None, MAX_LISTED_CONTRACTS, RECENT_EVENTS)
    assert sum(map(rows_read, reads(plan, "contracts"))) <= listed


async def test_counts_of_everything_read_no_contract_and_no_agent(filled: asyncpg.Pool) -> None:
    for owner in (None, "owner-7"):
        check(await plan_of(filled, SQL["contracts_tallied"], "default", None, None, owner), at_most=0)
        check(await plan_of(filled, AGENTS["agent_numbers"], "default", owner), at_most=0)
