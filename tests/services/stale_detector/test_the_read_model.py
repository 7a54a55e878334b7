"""The detector's tables are the fold of the log, before a rebuild and after it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Applied
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentStatus
from makima_schemas.codec import Event, decode
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, Phase
from makima_schemas.daemon import DaemonConnected
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected
from makima_schemas.supervisor import SupervisorState
from makima_stale_detector.domain import staleness
from makima_stale_detector.domain.members import sender as tracked
from makima_stale_detector.domain.members.sender import Sender, from_row
from makima_stale_detector.domain.staleness import Progress, progress
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.projections import SQL, Silence
from makima_stale_detector.queries import Queries
from nats.aio.client import Client

from tests.services.stale_detector import agent_events as agents
from tests.services.stale_detector.harness import Running, quick, running
from tests.services.stale_detector.recorded import recorded as as_recorded
from tests.services.stale_detector.sender_events import changed, registered

CREATED = e.ContractCreated(
    "demo", "", "simple", "ada", (Phase("plan"),), phase_guard=False, auto_complete_enabled=True
)


async def history(system: Running) -> int:
    """One of everything; the last position. Nobody beats, and nobody is judged: the timeouts are long."""
    await system.record("supervisor-t1", registered("c1", "x"))  # before its contract
    await system.record("contract-c1", CREATED, e.ContractStarted(), e.MessageSent("m1", "user", "hello"))
    await system.record(
        "contract-c2", CREATED, e.ContractStarted(), e.ContractPaused(None, ContractStatus.ACTIVE)
    )
    await system.record("contract-c3", CREATED, e.ContractArchived(), e.ContractDeleted())
    await system.record("supervisor-t1", changed(SupervisorState.WORKING, "y", daemon="d2"))
    await system.record(
        "supervisor-t2", registered("c1", "x"), changed(SupervisorState.INTERRUPTED, "x", "heartbeat_expired")
    )
    await system.record("daemon-d1", DaemonConnected("host"))
    await system.record("agent-c1:builder", agents.joined(), agents.joined("y", daemon=None))
    await system.record("agent-c1:reviewer", agents.joined(), agents.RESTARTING)
    await system.record("agent-c1:tester", agents.joined(), agents.DEAD)
    await system.record("silence-owner:ada", MassSilenceSuspected(20, 11), MassSilenceCleared("hold_expired"))
    await eventually(lambda: system.events("silence-supervisor:t2"))
    await eventually(lambda: system.events("silence-agent:c1:tester"))
    return await system.log.head()


async def folded(system: Running) -> tuple[dict[str, Sender | None], dict[str, Progress | None]]:
    senders: dict[str, Sender | None] = {}
    contracts: dict[str, Progress | None] = {}
    for recorded in await system.log.after(0):
        event = decode(recorded.type, recorded.schema, recorded.data)
        name, contract = tracked.sender_of_event(recorded, event), staleness.contract_of(recorded, event)
        if name is not None:
            senders[name] = tracked.evolve(senders.get(name), recorded, event)
        if contract is not None:
            contracts[contract] = staleness.evolve(contracts.get(contract), recorded, event)
    return senders, contracts


async def shown(pool: asyncpg.Pool) -> Sequence[Sequence[tuple[object, ...]]]:
    return [
        [tuple(row) for row in await pool.fetch(f"select * from stale_detector.{table} order by 1, 2")]
        for table in ("senders", "contracts", "holds")
    ]


async def test_its_rows_are_the_fold_of_the_log_and_a_rebuild_makes_the_same(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(quick(database, nats_url, timeout=600.0), pool, nats, owner=False) as system:
        head = await history(system)

        async def caught_up() -> bool:
            return (await Queries(pool).snapshot()).position == head

        await eventually(caught_up)
        before = await shown(pool)
        senders, contracts = await folded(system)
        rows = await pool.fetch(
            SQL["senders"].replace("from senders", "from stale_detector.senders"), list(senders)
        )
        assert {row["name"]: from_row(row) for row in rows} == senders
        keys = [["default"] * len(contracts), list(contracts)]
        rows = await pool.fetch(
            SQL["contracts"].replace("from contracts", "from stale_detector.contracts"), *keys
        )
        expected = {name: contract for name, contract in contracts.items() if contract is not None}
        expected["c1"] = replace(expected["c1"], live_supervisors=frozenset({"t1"}))
        assert {row["contract_id"]: progress(row) for row in rows} == expected
        await rebuild(Silence(), pool, Log(pool))
        assert await shown(pool) == before
        assert len(await system.events("silence-supervisor:t2")) == 1, "a rebuild tells nothing again"
        assert await Queries(pool).pending(10) == []


async def test_a_detector_starts_with_what_the_log_says(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(quick(database, nats_url, timeout=600.0), pool, nats, owner=False) as system:
        head = await history(system)

        async def caught_up() -> bool:
            return (await Queries(pool).snapshot()).position == head

        await eventually(caught_up)
        start = await Queries(pool).snapshot()
        alive = {each.name: each for each in start.senders if each.alive}
        assert alive.keys() == {"daemon:d1", "supervisor:t1", "agent:c1:builder"}
        agent = alive["agent:c1:builder"]
        assert (agent.connection_id, agent.daemon_id, agent.status) == ("y", "", AgentStatus.READY)
        [restarted] = [each for each in start.senders if each.status is AgentStatus.RESTARTING]
        assert (restarted.name, restarted.status_version) == ("agent:c1:reviewer", 2)
        assert alive["supervisor:t1"] == Sender("supervisor:t1", True, 1, "c1", "d2", "y", ("x",))
        assert start.owners == {"c1": "ada", "c2": "ada"}
        assert start.holds == {"ada": Hold(2, held=False, expired=True)}


async def test_the_tables_find_stale_contracts_by_the_domains_rule(pool: asyncpg.Pool) -> None:
    """Over every status, with and without a live supervisor, before, in and after an episode."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    every = {
        f"c{number}": Progress(status, 1, now, now, 5, live_supervisors=live, episode=episode)
        for number, (status, live, episode) in enumerate(
            product(ContractStatus, (frozenset[str](), frozenset({"t1"})), (None, 4, 6))
        )
    }
    await pool.executemany(
        "insert into stale_detector.contracts values ('default', $1, $2, 1, $3, $3, 5, '', null, $4, $5)",
        [(name, each.status, now, list(each.live_supervisors), each.episode) for name, each in every.items()],
    )
    queries = Queries(pool)
    due = {each.contract_id for each in await queries.stale_candidates(1.0, 1000)}
    assert due == {name for name, each in every.items() if each.episode is None and each.exposed}
    assert {each.contract_id for each in await queries.ended_episodes(1000)} == {
        name for name, each in every.items() if each.over
    }


async def test_agents_are_cleaned_up_that_are_dead_for_the_grace_or_in_a_contract_that_has_ended_longest_dead_first(
    pool: asyncpg.Pool,
) -> None:
    statuses = ("dead", "dead_failed_revive", "offline", "ready", "restarting")
    await pool.executemany(
        "insert into stale_detector.senders values ($1, false, 1, 'c1', '', 'x', '{}', $2, 7, now() - make_interval(hours => $3))",
        [(f"agent:c1:{status}-{hours}", status, hours) for status, hours in product(statuses, (1, 25, 26))],
    )
    await pool.executemany(
        "insert into stale_detector.contracts values ('default', $1, $2, 1, now(), now(), 5, '', null, '{}', null)",
        [("c1", "active"), ("over", "archived"), ("done", "completed"), ("waits", "paused")],
    )
    await pool.executemany(
        "insert into stale_detector.senders values ($1, false, 1, $2, '', 'x', '{}', $3, 7, now())",
        [
            (f"agent:{contract}:{status}", contract, status)
            for contract, status in product(
                ("over", "done", "waits", "deleted"), ("dead", "ready", "offline")
            )
        ],
    )
    queries = Queries(pool)
    found = await queries.agents_to_clean_up(24 * 3600.0, None, 3)
    assert [(each.name, each.version) for each in found] == [
        ("agent:c1:dead-26", 7), ("agent:c1:dead_failed_revive-26", 7), ("agent:c1:dead-25", 7),
    ]  # fmt: skip
    rest = await queries.agents_to_clean_up(24 * 3600.0, found[-1], 5)
    assert [each.name for each in rest] == [
        "agent:c1:dead_failed_revive-25", "agent:deleted:dead", "agent:done:dead", "agent:over:dead",
    ]  # fmt: skip


async def test_a_contract_keeps_one_of_its_live_supervisors_as_long_as_there_is_one(
    pool: asyncpg.Pool,
) -> None:
    """One of them says all; a list of all made each event cost as much as the contract has supervisors."""

    async def after(*told: tuple[str, Event]) -> dict[str, list[str]]:
        nonlocal position
        batch = list[Applied]()
        for stream, event in told:
            position += 1
            batch.append(Applied(as_recorded(stream, event, position=position), event))
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("set local search_path to stale_detector")
            await Silence().apply(connection, batch)  # pyright: ignore[reportArgumentType] - a pool's connection is one
            rows = await connection.fetch("select contract_id, live_supervisors from contracts")
        return {row["contract_id"]: row["live_supervisors"] for row in rows}

    position, ended = 0, changed(SupervisorState.COMPLETED)
    early = [(f"supervisor-t{number}", registered("c1", "x")) for number in range(5)]
    assert await after(*early, ("contract-c1", CREATED), ("contract-c2", CREATED)) == {"c1": ["t0"], "c2": []}
    assert (await after(("supervisor-t0", ended), ("supervisor-t9", registered("c1", "x"))))["c1"] == ["t1"]
    assert (await after(*((f"supervisor-t{number}", ended) for number in (1, 2, 3))))["c1"] == ["t4"]
    moved = ("supervisor-t4", registered("c2", "y"))
    assert await after(("supervisor-t9", ended), moved) == {"c1": [], "c2": ["t4"]}
