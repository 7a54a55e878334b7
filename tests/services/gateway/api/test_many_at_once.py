"""Many clients before two replicas, one contract: at each version exactly one of them changes it, and the
others are told the truth.
"""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, act, body, created, listed, running

CLIENTS = 32
PHASES = [{"name": f"phase-{number}"} for number in range(7)]


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with running(settings, pool, nats, replicas=2) as made:
        yield made


async def change(http: httpx.AsyncClient, contract: str, phase: str, version: int) -> httpx.Response:
    return await http.post(f"/contracts/{contract}/phase", json={"phase": phase, "expected_version": version})


async def test_one_change_succeeds_at_each_version_and_the_others_learn_of_it(gateways: Gateways) -> None:
    contract = str((await created(gateways.clients[0], phases=PHASES))["id"])
    version = int(str((await act(gateways.clients[0], contract, "start"))["version"]))
    for phase in (str(phase["name"]) for phase in PHASES[1:]):
        answers = await asyncio.gather(
            *(change(gateways.clients[number % 2], contract, phase, version) for number in range(CLIENTS))
        )
        (won,) = [answer for answer in answers if answer.status_code == 200]
        lost = [body(answer) for answer in answers if answer.status_code == 409]
        assert len(lost) == CLIENTS - 1
        assert body(won).items() >= {"phase": phase, "version": version + 1}.items()
        truth = {
            "code": "VERSION_CONFLICT",
            "expected": version,
            "actual": version + 1,
            "current_phase": phase,
        }
        assert all(problem.items() >= truth.items() for problem in lost), lost[0]
        version += 1
    events = await gateways.log.stream("default", f"contract-{contract}")
    assert [event.version for event in events] == list(range(1, version + 1))


async def test_clients_that_try_again_with_what_they_learnt_all_get_through(gateways: Gateways) -> None:
    """Each guards the contract, or takes the guard off, at the version that it saw: all get their turn, and
    none is lost.
    """
    http = gateways.clients[0]
    contract = str((await created(http))["id"])

    async def persist(enabled: bool) -> int:
        version = 1
        while True:
            headers = {"If-Match": f'"{version}"'}
            answer = await http.put(
                f"/contracts/{contract}/phase-guard", json={"enabled": enabled}, headers=headers
            )
            if answer.status_code == 200:
                return version
            problem = body(answer)
            assert (problem["code"], problem["expected"]) == ("VERSION_CONFLICT", version)
            assert int(str(problem["actual"])) > version
            version = int(str(problem["actual"]))

    versions = await asyncio.gather(*(persist(bool(number % 2)) for number in range(CLIENTS)))
    recorded = listed(body(await http.get(f"/contracts/{contract}/events", params={"limit": 500}))["items"])
    changed = [event for event in recorded if event["type"] == "makima.contract.PhaseGuardSet.v1"]
    assert len(versions) == CLIENTS
    assert len(changed) == len(recorded) - 1
    assert body(await http.get(f"/contracts/{contract}"))["version"] == len(recorded)
