"""What an agent may say under its token: for its own role, as its own connection, until that is replaced or has left."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from makima_gateway.auth.agent_tokens import KEPT_PER_ROLE, AgentIdentity, AgentTokens, ended
from makima_gateway.read_model.rows import AgentRow, Json
from makima_kernel.service.settings import Settings
from makima_schemas.agent import AgentStatus
from makima_schemas.identity import agent_actor, role_of_actor
from nats.aio.client import Client

from tests.services.gateway.api.agent_events import join, leave
from tests.services.gateway.harness import Gateways, authenticated_client, body, created, refused, running
from tests.services.gateway.tokens import agent_client, client_as, run_by

NOW = datetime.now(UTC)
ROW = AgentRow(
    "default", "c1", "builder", "ada", AgentStatus.READY, "x1", None, NOW, NOW, 1, 1, "AgentJoined", "", None, None,
    hidden=False, stuck=False, progress_at=None, fenced=Json("[]"), stuck_proof=None, restarts=None,
)  # fmt: skip


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    few = settings.quotas.model_copy(update={"agent_tokens_per_contract": 10})
    limited = settings.model_copy(update={"quotas": few})
    async with running(limited, pool, nats, admitting=True) as made:
        yield made


async def shown(http: httpx.AsyncClient, contract: str, position: int) -> None:
    seen = await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    assert "Makima-Read-Behind" not in seen.headers


async def test_the_log_names_the_agent_that_did_it(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    contract = str((await created(http))["id"])
    await http.post(f"/contracts/{contract}/start")
    async with agent_client(http, contract, "builder", "x1") as agent:
        asked = await agent.post(f"/contracts/{contract}/questions", json={"question": "Which one?"})
        assert asked.status_code == 201, asked.text
    actor = await pool.fetchval("select meta ->> 'actor' from event_log.events where type = 'QuestionAsked'")
    assert (actor, role_of_actor(actor)) == (agent_actor(contract, "builder"), "builder")


async def test_who_was_replaced_is_told_so_and_who_left_needs_another(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents/builder"
    async with (
        agent_client(http, contract, "builder", "a1") as first,
        agent_client(http, contract, "builder", "a2") as second,
    ):
        await shown(http, contract, await join(gateways, contract, "builder", "a1"))
        assert (await second.get(f"/contracts/{contract}")).status_code == 200, "it is about to join"
        await shown(http, contract, await join(gateways, contract, "builder", "a2"))
        beat = await first.post(f"{path}/heartbeat", json={"connection_id": "a1"})
        assert body(beat)["status"] == "superseded"
        await refused(first.post(f"{path}/join", json={"connection_id": "a1"}), 409, "SUPERSEDED")
        problem = await refused(first.get(f"/contracts/{contract}"), 401, "UNAUTHORIZED")
        assert "a new one gets a token of its own" in str(problem["hint"])
        await refused(http.post(f"{path}/token", json={"connection_id": "a1"}), 409, "SUPERSEDED")
        await shown(http, contract, await leave(gateways, contract, "builder"))
        await refused(second.post(f"{path}/join", json={"connection_id": "a2"}), 401, "UNAUTHORIZED")


async def test_the_supervisors_process_beats_under_it_and_only_as_its_connection(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await run_by(gateways, "d1", http)
    path = f"/contracts/{contract}/supervisor/heartbeat"
    async with agent_client(http, contract, "supervisor", "k1") as supervisor:
        said = {"state": "working"}
        assert (await supervisor.post(path, json={**said, "connection_id": "k1"})).status_code == 200
        await refused(supervisor.post(path, json=said), 422, "INVALID_REQUEST")
        await refused(supervisor.post(path, json={**said, "connection_id": "k2"}), 403, "FORBIDDEN")
        other = {"connection_id": "k2"}  # which nobody has heard of, so that this one is not replaced
        save = {"kind": "phase", "phase": "plan", **other}
        await refused(supervisor.post(f"/contracts/{contract}/supervisor/state", json=save), 403, "FORBIDDEN")
        restore = {"daemon_id": "d1", **other}
        restores = f"/contracts/{contract}/supervisor/restore"
        await refused(supervisor.post(restores, json=restore), 403, "FORBIDDEN")
        status = f"/contracts/{contract}/supervisor/status"
        await refused(supervisor.get(status), 403, "FORBIDDEN")
        assert body(await http.get(status))["state"] == "working"
        saved = await supervisor.get(f"/contracts/{contract}/supervisor/state")
        assert saved.status_code == 200, "what it goes on from"


async def test_its_daemon_makes_it_and_no_other_and_no_agent(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await run_by(gateways, "d1", http)
    path, said = f"/contracts/{contract}/agents/builder/token", {"connection_id": "x1"}
    async with (
        client_as(http, "daemon", daemon_id="d1") as its,
        client_as(http, "daemon", daemon_id="d2") as other,
    ):
        made = body(await its.post(path, json=said, headers={"Idempotency-Key": "k"}))
        assert (made["role"], made.keys()) == ("agent", {"id", "token", "role", "expires_at"})
        await refused(
            its.post(path, json=said, headers={"Idempotency-Key": "k"}), 409, "IDEMPOTENCY_KEY_REUSED"
        )
        await refused(other.post(path, json=said), 404, "CONTRACT_NOT_FOUND")
        async with authenticated_client(str(made["token"]), str(http.base_url)) as agent:
            await refused(agent.post(path, json=said), 403, "FORBIDDEN")
            beat = {"connection_id": "x1", "daemon_id": "d1"}
            joins = f"/contracts/{contract}/agents/builder/join"
            assert (await agent.post(joins, json=beat)).status_code == 200
    await refused(http.post("/tokens", json={"role": "agent", "owner": "ada"}), 422, "INVALID_REQUEST")


async def test_of_a_role_the_newest_ones_are_in_force_and_of_a_contract_a_bounded_number(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents/{{}}/token"
    made = [
        body(await http.post(path.format("builder"), json={"connection_id": f"x{number}"}))
        for number in range(KEPT_PER_ROLE + 1)
    ]
    async with authenticated_client(str(made[0]["token"]), str(http.base_url)) as oldest:
        await refused(oldest.get(f"/contracts/{contract}"), 401, "UNAUTHORIZED")
    for role in ("tester", "reviewer"):
        assert (await http.post(path.format(role), json={"connection_id": "y"})).status_code == 201
    problem = await refused(
        http.post(path.format("writer"), json={"connection_id": "y"}), 403, "QUOTA_EXCEEDED"
    )
    assert (problem["limit"], problem["used"]) == (10, 10)
    await pool.execute(
        "update gateway.tokens set expires_at = $1 where role = 'agent'",
        datetime.now(UTC) - timedelta(seconds=1),
    )
    await AgentTokens(pool, 10).clean_up()
    left = "select contract_id from gateway.tokens where role = 'agent'"
    assert await pool.fetch(left) == []
    other = str((await created(http))["id"])
    for each in (contract, other):
        await http.post(f"/contracts/{each}/agents/builder/token", json={"connection_id": "x"})
    await pool.execute("delete from gateway.contracts where id = $1", contract)
    await AgentTokens(pool, 10).clean_up()
    assert [each["contract_id"] for each in await pool.fetch(left)] == [other], (
        "of a deleted one, none is kept"
    )


async def test_at_the_limit_those_whose_time_is_over_make_room_and_until_then_are_told_so(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents/{{}}/token"
    joins = f"/contracts/{contract}/agents/builder/join"
    made = body(await http.post(path.format("builder"), json={"connection_id": "x0"}))
    for number in range(9):
        await http.post(path.format(f"role{number}"), json={"connection_id": "y"})
    await join(gateways, contract, "builder", "x0")
    await shown(http, contract, await join(gateways, contract, "builder", "x1"))
    async with authenticated_client(str(made["token"]), str(http.base_url)) as replaced:
        await refused(replaced.post(joins, json={"connection_id": "x0"}), 409, "SUPERSEDED")
        assert (await http.post(path.format("writer"), json={"connection_id": "y"})).status_code == 201
        await refused(replaced.post(joins, json={"connection_id": "x0"}), 401, "UNAUTHORIZED")
    problem = await refused(
        http.post(path.format("painter"), json={"connection_id": "y"}), 403, "QUOTA_EXCEEDED"
    )
    assert problem["used"] == 10, "of the others, none was deleted"


@pytest.mark.parametrize(
    ("role", "connection", "fenced", "status", "hidden", "over"),
    [
        ("builder", None, "[]", AgentStatus.DEAD, False, None),
        ("builder", "x1", "[]", AgentStatus.WORKING, False, None),
        ("builder", "x1", "[]", AgentStatus.DEAD, False, None),
        ("builder", "x1", "[]", AgentStatus.OFFLINE, False, "left"),
        # Cleaned up after a day of death: it may come back.
        ("builder", "x1", "[]", AgentStatus.OFFLINE, True, None),
        ("builder", "x2", '["x1"]', AgentStatus.READY, False, "replaced"),
        ("builder", "x0", "[]", AgentStatus.READY, False, None),
        ("supervisor", "x1", "[]", AgentStatus.OFFLINE, False, None),
    ],
)
def test_its_time_is_over_by_the_record_of_its_agent(
    *,
    role: str,
    connection: str | None,
    fenced: str,
    status: AgentStatus,
    hidden: bool,
    over: str | None,
) -> None:
    row = replace(ROW, role=role, connection_id=connection, fenced=fenced, agent_status=status, hidden=hidden)
    assert ended(AgentIdentity("c1", role, "x1", None), row) == over
