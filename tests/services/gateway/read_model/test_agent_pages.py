"""A page of agents costs what it shows, however many agents there are."""

from collections.abc import Iterator
from typing import cast

import asyncpg
import orjson
import pytest
from makima_gateway.read_model.agent_queries import SQL
from makima_schemas.agent import AgentStatus

MANY, LIMIT = 6_000, 50
FILL = """
insert into gateway.agents
select 'default', 'c' || lpad(number::text, 6, '0'), 'builder', 'owner-' || number % 100,
  (array['ready', 'working', 'dead', 'offline'])[1 + number % 4], 'k', null, now(), now(), 1, number, 'AgentJoined', 'join', null, null,
  number % 10 = 0, number % 7 = 0, null, '[]'
from generate_series(1, $1) as number
"""
EVERY = list(AgentStatus)


def scans(plan: dict[str, object]) -> Iterator[dict[str, object]]:
    """The nodes of a plan that read the table."""
    if plan.get("Relation Name") == "agents":
        yield plan
    for part in cast("list[dict[str, object]]", plan.get("Plans", [])):
        yield from scans(part)


@pytest.mark.parametrize(
    ("name", "statuses", "stuck", "whose"),
    [
        ("agents", EVERY, [True, False], ()),
        ("agents", ["dead"], [True, False], ()),
        ("agents", ["ready", "working"], [True], ()),
        ("agents_of_owner", EVERY, [True, False], ("owner-7",)),
        ("agents_of_owner", ["dead_failed_revive"], [False], ("owner-7",)),
    ],
)
async def test_a_page_reads_no_more_of_each_status_than_it_shows(
    pool: asyncpg.Pool, name: str, statuses: list[str], stuck: list[bool], whose: tuple[str, ...]
) -> None:
    await pool.execute(FILL, MANY)
    await pool.execute("analyze gateway.agents")
    arguments = ("default", statuses, stuck, "c000100", "builder", LIMIT, *whose)
    explained = await pool.fetchval(f"explain (analyze, format json) {SQL[name]}", *arguments)
    (plan,) = cast("list[dict[str, dict[str, object]]]", orjson.loads(explained))
    found = list(scans(plan["Plan"]))
    assert found
    for node in found:
        assert "Index" in str(node["Node Type"]), node
        read = cast("float", node["Actual Rows"]) + cast("float", node.get("Rows Removed by Filter", 0))
        assert read <= LIMIT, node
