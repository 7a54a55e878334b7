"""The door: every route, asked by everybody who may stand before it, answers as its row in the table says."""

from collections.abc import AsyncIterator

import httpx
import pytest
from makima_gateway.auth.policy import OPEN, POLICY, Role, Scope
from makima_schemas.daemon import DaemonConnected
from makima_schemas.errors import HTTP_STATUS, ErrorCode
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.generated.access import ASKERS, Asker, calls, refusal
from tests.services.gateway.auth.actors import ACCESS_REFUSALS, DAEMON, OWNER, ROUTES, Actors, before_the_door
from tests.services.gateway.harness import Gateways, authenticated_client, body, created, items, refused
from tests.services.gateway.tokens import client_as, issue_token, run_by


@pytest.fixture
async def actors(gateways: Gateways, http: httpx.AsyncClient) -> AsyncIterator[Actors]:
    async with before_the_door(gateways, http) as made:
        yield made


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(ROUTES) == set(POLICY), (
        "a route without a row lets nobody in, and a row without a route whoever comes under its name"
    )


async def test_every_route_answers_everybody_as_its_row_says(actors: Actors) -> None:
    for route in [route for route in ROUTES if not route.startswith("WS ")]:
        for asker, task in calls(route):
            expected = refusal(route, asker, task)
            answer = await actors.ask(asker, route, task=task)
            code = None if answer.is_success else ErrorCode(str(body(answer)["code"]))
            assert (code if code in ACCESS_REFUSALS else None) == expected, (
                f"{asker.title}: {route} of {task} → {answer.text}"
            )
            assert expected is None or answer.status_code == HTTP_STATUS[expected]
            assert code is not ErrorCode.TASK_NOT_FOUND, "nobody is refused a task that is not there"


async def test_every_socket_answers_everybody_as_its_row_says(actors: Actors) -> None:
    for route in [route for route in ROUTES if route.startswith("WS ")]:
        for asker in ASKERS:
            expected = refusal(route, asker)
            assert await handshake(actors, asker) == (None if expected is None else HTTP_STATUS[expected]), (
                f"{asker.title}: {route}"
            )


async def handshake(actors: Actors, asker: Asker) -> int | None:
    """The status of a refused one."""
    given = actors.clients[asker].headers.get("Authorization")
    try:
        async with connect(
            actors.socket, additional_headers={"Authorization": given} if given else {}
        ) as socket:
            await socket.recv()
    except InvalidStatus as error:
        return error.response.status_code
    return None


async def test_what_belongs_to_others_is_answered_as_what_is_not_there(actors: Actors) -> None:
    """Word for word: else one could find out what others have."""
    for route in ROUTES:
        if POLICY[route].scope not in (Scope.CONTRACT, Scope.DAEMON):
            continue
        for asker in [asker for asker in ASKERS if not asker.own and asker.role in POLICY[route].roles]:
            theirs = body(await actors.ask(asker, route))
            nobodys = body(await actors.ask(asker, route, contract="nobody", daemon="nobody"))
            said = {
                name: str(value).replace(actors.contract, "nobody").replace(DAEMON, "nobody")
                for name, value in theirs.items()
                if name != "trace_id"  # one for each request
            }
            assert said == {name: str(value) for name, value in nobodys.items() if name != "trace_id"}, (
                f"{asker.title}: {route}"
            )


async def test_lists_show_what_is_ones_own(
    actors: Actors, gateways: Gateways, http: httpx.AsyncClient
) -> None:
    await gateways.append("daemon-d2", DaemonConnected("two"))
    async with client_as(http, "owner", owner="bob") as bob:
        bobs = await run_by(gateways, "d2", bob)
    for asker in ASKERS:
        if asker.role in (None, Role.AGENT):
            continue
        contracts = {str(item["id"]) for item in await items(actors.clients[asker], "/contracts")} - {
            actors.others
        }
        daemons = {str(item["id"]) for item in await items(actors.clients[asker], "/daemons")}
        if asker.role is Role.ADMIN:
            assert (contracts, daemons) == ({actors.contract, bobs}, {"d1", "d2"})
        else:
            assert (contracts, daemons) == (({actors.contract}, {"d1"}) if asker.own else ({bobs}, {"d2"})), (
                asker.title
            )


async def test_what_one_makes_is_ones_own(actors: Actors) -> None:
    owners: dict[str, object] = {}
    for asker in ASKERS:
        if asker.role in (Role.ADMIN, Role.OWNER):
            owners[asker.title] = (await created(actors.clients[asker]))["owner_id"]
    assert owners == {"admin": "local", "owner": "alice", "another's owner": "bob"}


async def test_one_key_of_two_owners_is_two_intents(actors: Actors) -> None:
    key = {"Idempotency-Key": "k"}
    makers = [actors.clients[asker] for asker in ASKERS if asker.role is Role.OWNER]
    made = [body(await maker.post("/contracts", json={"name": "mine"}, headers=key)) for maker in makers]
    assert [contract["owner_id"] for contract in made] == ["alice", "bob"]
    assert made[0]["id"] != made[1]["id"]


async def test_a_deletion_repeated_by_its_owner_gets_the_first_answer(http: httpx.AsyncClient) -> None:
    """The read model has forgotten whose it was; the log has not."""
    async with client_as(http, "owner", owner=OWNER) as alice, client_as(http, "owner", owner="bob") as bob:
        contract = str((await created(alice))["id"])
        assert (await alice.post(f"/contracts/{contract}/archive")).status_code == 200
        key = {"Idempotency-Key": "gone"}
        assert [
            (await alice.delete(f"/contracts/{contract}", headers=key)).status_code for _ in range(2)
        ] == [204, 204]
        await refused(bob.delete(f"/contracts/{contract}", headers=key), 404, "CONTRACT_NOT_FOUND")


async def test_what_is_open_needs_no_token(http: httpx.AsyncClient) -> None:
    async with authenticated_client(None, str(http.base_url).removesuffix("/api/v1/")) as nobody:
        assert {path: (await nobody.get(path)).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)


async def test_a_daemon_of_one_owner_works_for_no_other(gateways: Gateways, http: httpx.AsyncClient) -> None:
    token = await issue_token(http, "daemon", daemon_id=DAEMON, owner="bob")
    async with (
        client_as(http, "owner", owner=OWNER) as alice,
        authenticated_client(str(token["token"]), str(http.base_url)) as daemon,
    ):
        contract = str((await created(alice))["id"])
        registered = SupervisorRegistered(contract, DAEMON, "k1", SupervisorState.WORKING, "plan")
        position = await gateways.append(f"supervisor-s-{contract}", registered)
        seen = await alice.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
        assert "Makima-Read-Behind" not in seen.headers
        await refused(daemon.get(f"/contracts/{contract}"), 404, "CONTRACT_NOT_FOUND")
        assert await items(daemon, "/contracts") == []
