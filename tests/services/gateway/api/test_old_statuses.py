"""The feature flag `enhanced_contract_status` off: people see the three statuses of old, and nothing leads to
another one.
"""

from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import httpx
import pytest
from makima_kernel.service.contracts_settings import FeatureFlags
from makima_kernel.service.settings import Settings
from makima_schemas.contract.events import ContractPaused
from makima_schemas.contract.model import ContractStatus
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, act, body, created, items, position, refused, running
from tests.services.gateway.monitor.monitor_client import watching


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    off = settings.model_copy(update={"feature_flags": FeatureFlags(enhanced_contract_status=False)})
    async with running(off, pool, nats) as made:
        yield made


async def test_the_status_shown_is_one_of_three(http: httpx.AsyncClient) -> None:
    contract = await created(http)
    path = f"/contracts/{contract['id']}"
    assert (contract["status"], contract["legacy_status"]) == ("active", "active"), (
        "which was created, and not yet started"
    )
    await act(http, str(contract["id"]), "start")
    await http.post(f"{path}/questions", json={"question": "which?"})
    waiting = body(await http.get(path))
    assert (waiting["status"], waiting["waiting_for"]) == ("active", "question")
    assert body(await http.get(path, params={"at": "1"}))["status"] == "active"
    assert body(await http.put(f"{path}/auto-complete", json={"enabled": False}))["status"] == "active"
    assert (await act(http, str(contract["id"]), "complete"))["status"] == "completed"
    assert (await act(http, str(contract["id"]), "archive"))["status"] == "archived"


async def test_a_filter_finds_what_is_shown_under_its_name(http: httpx.AsyncClient) -> None:
    made = [str((await created(http))["id"]) for _ in range(3)]
    await act(http, made[1], "start")
    await act(http, made[2], "complete")
    assert {item["id"] for item in await items(http, "/contracts", status="active")} == {made[0], made[1]}
    assert {item["id"] for item in await items(http, "/contracts", status="completed,archived")} == {made[2]}
    assert await items(http, "/contracts", status="waiting_for_input") == []


async def test_what_leads_to_a_new_status_is_switched_off(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    for action in ("pause", "resume", "block", "unblock", "fail"):
        problem = await refused(http.post(f"/contracts/{contract}/{action}", json={}), 404, "FEATURE_OFF")
        assert "enhanced_contract_status" in str(problem["hint"]), action


async def test_the_status_is_set_as_it_was_and_to_nothing_new(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    for status in ("active", "completed", "active", "archived"):
        answer = await http.post(f"/contracts/{contract}/status", json={"status": status})
        assert (answer.status_code, body(answer)["status"]) == (200, status), answer.text
    for status in ("paused", "blocked", "failed"):
        await refused(http.post(f"/contracts/{contract}/status", json={"status": status}), 404, "FEATURE_OFF")


async def test_what_was_paused_before_is_made_active_as_old_clients_do(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    position = await gateways.append(f"contract-{contract}", ContractPaused("lunch", ContractStatus.ACTIVE))
    assert (
        body(await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)}))[
            "status"
        ]
        == "active"
    )
    answer = await http.post(f"/contracts/{contract}/status", json={"status": "active"})
    assert (answer.status_code, body(answer)["version"]) == (200, 4)


async def test_the_monitor_tells_what_changes_of_what_is_shown(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    async with (
        watching(gateways) as everything,
        watching(gateways, statuses=["archived"]) as archived,
        watching(gateways, statuses=["paused"]) as paused,
    ):
        contract = str((await created(http))["id"])
        await act(http, contract, "start")
        asked = (await http.post(f"/contracts/{contract}/questions", json={"question": "which?"})).json()[
            "id"
        ]
        await act(http, contract, "complete")
        last = await position(http, contract, "archive")
        told = await everything.until(last)
        assert [
            (
                message["type"],
                message.get("old_status"),
                message.get("new_status"),
                message.get("question_id"),
            )
            for message in told
        ] == [
            ("StatusChanged", None, "active", None),
            ("QuestionAsked", None, None, asked),
            ("StatusChanged", "active", "completed", None),
            ("StatusChanged", "completed", "archived", None),
        ]
        assert [message["new_status"] for message in await archived.until(last)] == ["archived"]
        await paused.ask()  # its filter has let nothing through: what comes now is of this one
        assert (await created(http))["id"] == (await paused.next())["contract_id"]


async def test_what_was_missed_is_told_in_the_old_statuses_too(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    last = await position(http, contract, "complete")
    async with watching(gateways, since=0) as late:
        assert [(message["old_status"], message["new_status"]) for message in await late.until(last)] == [
            (None, "active"),
            ("active", "completed"),
        ]


async def test_the_dashboards_recent_events_name_no_status_that_is_not_shown(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    await act(http, contract, "complete")
    recent = cast("list[dict[str, object]]", body(await http.get("/contracts/dashboard"))["recentEvents"])
    assert [(event["old_status"], event["new_status"]) for event in recent] == [
        ("active", "completed"),
        (None, "active"),
    ]
