"""Who runs a contract stands in the log. No heartbeat takes it, over NATS or HTTP, and no id of one can be computed."""

from collections.abc import AsyncIterator, Sequence
from uuid import uuid5

import asyncpg
import httpx
import msgspec
import orjson
import pytest
from makima_gateway.api.writes import NAMESPACE
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.supervisor import SupervisorState, SupervisorStateChanged
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.api.supervised_contract import is_known
from tests.services.gateway.harness import Gateways, authenticated_client, body, created, refused, running
from tests.services.gateway.sender_samples import EVIDENCE
from tests.services.gateway.tokens import issue_token
from tests.services.supervisor_heartbeat.harness import supervisor_beat

WORKING, INTERRUPTED = SupervisorState.WORKING, SupervisorState.INTERRUPTED


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with running(settings, pool, nats, admitting=True) as made:
        yield made


async def beat(nats: Client, daemon_id: str, contract: str, task_id: str = "s1", **said: object) -> None:
    heartbeat = supervisor_beat(task_id, **{"contract_id": contract, **said})  # pyright: ignore[reportArgumentType] - a state may be among them
    subject = subjects.supervisor_heartbeat(daemon_id, task_id)
    await nats.jetstream().publish(subject, msgspec.json.encode(heartbeat))


async def tokens(http: httpx.AsyncClient) -> Sequence[httpx.AsyncClient]:
    """Of d1 and d2, which serve every owner, and of d3, which serves bob alone."""
    made = [
        await issue_token(http, "daemon", daemon_id=daemon_id, **owner)
        for daemon_id, owner in (("d1", {}), ("d2", {}), ("d3", {"owner": "bob"}))
    ]
    return [authenticated_client(str(each["token"]), str(http.base_url)) for each in made]


async def assigned(gateways: Gateways, contract: str) -> list[str]:
    """The daemons that the log gave it to, in turn."""
    events = await gateways.log.stream("default", f"contract-{contract}")
    return [orjson.loads(each.data)["daemon_id"] for each in events if each.type == "ContractAssigned"]


async def sees(client: httpx.AsyncClient, contract: str) -> bool:
    return (await client.get(f"/contracts/{contract}")).status_code == 200


async def unseen(client: httpx.AsyncClient, contract: str) -> bool:
    return (await client.get(f"/contracts/{contract}")).status_code == 404


async def test_a_foreign_heartbeat_takes_nothing_and_is_answered(gateways: Gateways, nats: Client) -> None:
    """By NATS; and what HTTP shows to whom does not change by it."""
    http, told = gateways.clients[0], list[object]()

    async def hear(message: Msg) -> None:
        told.append((message.subject, orjson.loads(message.data)["contract_id"]))

    await nats.subscribe("makima.signals.daemon.>", cb=hear)
    d1, d2, d3 = await tokens(http)
    contract = str((await created(http))["id"])
    await beat(nats, "d1", contract)
    await eventually(lambda: assigned(gateways, contract))
    await eventually(lambda: sees(d1, contract))
    before = await gateways.log.stream("default", "supervisor-s1")
    for daemon_id, task_id in (("d2", "s1"), ("d2", "s2"), ("d3", "s1")):
        await beat(
            nats, daemon_id, contract, task_id, connection_id="overheard", state=SupervisorState.FAILED
        )
    signals = [(subjects.daemon_signal(each, "superseded"), contract) for each in ("d2", "d2", "d3")]
    await eventually(lambda: told == signals)
    for client in (d2, d3):
        await refused(client.get(f"/contracts/{contract}"), 404, "CONTRACT_NOT_FOUND")
        task = {"name": "mine"}
        await refused(client.post(f"/contracts/{contract}/tasks", json=task), 404, "CONTRACT_NOT_FOUND")
    assert await gateways.log.stream("default", "supervisor-s1") == before
    assert await gateways.log.stream("default", "supervisor-s2") == []
    assert await assigned(gateways, contract) == ["d1"]
    assert body(await d1.get(f"/contracts/{contract}/supervisor/status"))["state"] == "working"
    for client in (d1, d2, d3):
        await client.aclose()


async def test_it_goes_on_with_another_daemon_after_a_restoration_or_an_assignment(
    gateways: Gateways, nats: Client
) -> None:
    http = gateways.clients[0]
    d1, d2, d3 = await tokens(http)
    contract = str((await created(http))["id"])
    await beat(nats, "d3", contract, "s3")
    await beat(nats, "d1", contract)
    await eventually(lambda: is_known(http, contract))
    await eventually(lambda: sees(d1, contract))
    assert await unseen(d3, contract), "it serves another owner: to be heard first gives it nothing"
    silent = SupervisorStateChanged(
        contract, "d1", "s1-1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await gateways.append("supervisor-s1", silent)

    await beat(nats, "d2", contract, "s2")
    asked = {"daemon_id": "d2", "connection_id": "k2"}
    await refused(
        d3.post(f"/contracts/{contract}/supervisor/restore", json={**asked, "daemon_id": "d3"}),
        404,
        "CONTRACT_NOT_FOUND",
    )
    answer = await d2.post(f"/contracts/{contract}/supervisor/restore", json=asked)
    assert answer.status_code == 200, answer.text
    assert await assigned(gateways, contract) == ["d1"], (
        "a heartbeat took nothing, and the restoration is not proved"
    )

    async def restored() -> bool:
        await beat(nats, "d2", contract, "s1", connection_id="k2")
        return await assigned(gateways, contract) == ["d1", "d2"]

    await eventually(restored)
    await eventually(lambda: unseen(d1, contract))
    assert await sees(d2, contract)
    await gateways.append(f"contract-{contract}", ContractAssigned("d1", "placed"))
    await eventually(lambda: sees(d1, contract))
    assert await unseen(d2, contract), "the log says it, whatever was heard"
    for client in (d1, d2, d3):
        await client.aclose()


async def test_no_id_can_be_computed_from_what_a_daemon_knows(gateways: Gateways) -> None:
    http, key = gateways.clients[0], "nightly"
    answer = await http.post("/contracts", json={"name": "a"}, headers={"Idempotency-Key": key})
    guessed = uuid5(NAMESPACE, f"default\nadmin:local\n{key}")
    assert body(answer)["id"] not in {str(guessed), str(uuid5(guessed, "contract"))}
    assert (
        body(answer)["id"]
        == body(await http.post("/contracts", json={"name": "a"}, headers={"Idempotency-Key": key}))["id"]
    )
