"""R10: no token, a wrong one, another owner's, a lower role's; users of the broker who publish outside their subjects."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg
import nats as nats_py
from makima_gateway.auth.policy import POLICY, Role, Scope
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.settings import Settings
from makima_schemas.errors import HTTP_STATUS, ErrorCode

from tests.faults.comparison import Comparison, differing
from tests.faults.trial import on_servers
from tests.generated.access import ASKERS, calls, refusal
from tests.generated.nats_access import SUBJECTS, USERS, may
from tests.guarded_broker import guarded_broker
from tests.services.gateway.auth.actors import ACCESS_REFUSALS, DAEMON, ROUTES, Actors, before_the_door
from tests.services.gateway.harness import authenticated_client, body, running

WRONG: Final = ("mk_wrong", "mk_", "mk_an-administrator-of-the-test", "x" * 300, "Bearer")
TIMED: Final = 200  # requests of each kind
# A difference of the medians that could tell whether something exists: also what a noisy machine does not show.
TELLING: Final = 1.25
TELLING_MS: Final = 0.5


async def show(place: Path) -> list[Comparison]:
    async with the_door(place) as actors:
        asked = [
            await by_everybody(actors),
            await by_strangers(actors),
            await told_apart(actors),
            await timed(actors),
        ]
    return [*asked, await over_nats(place)]


@asynccontextmanager
async def the_door(place: Path) -> AsyncGenerator[Actors]:
    async with (
        on_servers(place) as (_, broker, dsn),
        asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool,
    ):
        nats = await nats_py.connect(broker.url)
        settings = Settings(database_url=dsn, nats_url=broker.url, stream_budget=0.01)
        async with (
            running(settings, pool, nats, admitting=True) as gateways,
            before_the_door(gateways, gateways.clients[0]) as made,
        ):
            yield made
        await nats.close()


async def by_everybody(actors: Actors) -> Comparison:
    """Each route, by everybody: as its row in the table of access says."""
    other: list[str] = []
    asked = 0
    for route in [route for route in ROUTES if not route.startswith("WS ")]:
        for asker, task in calls(route):
            expected, answer = refusal(route, asker, task), await actors.ask(asker, route, task=task)
            code = None if answer.is_success else ErrorCode(str(body(answer)["code"]))
            asked += 1
            if (code if code in ACCESS_REFUSALS else None) != expected:
                other.append(f"{asker.title}: {route} of {task}: {code} instead of {expected}")
    kinds = {"other than the table of access": other}
    note = f"{len(ROUTES)} routes, {len(ASKERS)} askers"
    return differing("R10", "routes asked by everybody", (asked, "requests"), kinds, note)


async def by_strangers(actors: Actors) -> Comparison:
    """Wrong tokens are refused wherever one is needed, as none is."""
    let_in, asked = list[str](), 0
    unauthorized = HTTP_STATUS[ErrorCode.UNAUTHORIZED]
    base = str(next(iter(actors.clients.values())).base_url)
    for token in WRONG:
        async with authenticated_client(token, base) as stranger:
            for route in [route for route in ROUTES if not route.startswith("WS ")]:
                if not POLICY[route].needs_token:
                    continue
                method = route.partition(" ")[0]
                answer = await stranger.request(
                    method, actors.path(route), json={} if method != "GET" else None
                )
                asked += 1
                if answer.status_code != unauthorized:
                    let_in.append(f"{token}: {route}: {answer.status_code}")
    return differing("R10", "wrong tokens at every route", (asked, "requests"), {"not refused": let_in})


async def told_apart(actors: Actors) -> Comparison:
    """What belongs to others is answered word for word as what is not there."""
    leaks, asked = list[str](), 0
    for route in [route for route in ROUTES if POLICY[route].scope in (Scope.CONTRACT, Scope.DAEMON)]:
        for asker in [asker for asker in ASKERS if not asker.own and asker.role in POLICY[route].roles]:
            theirs = body(await actors.ask(asker, route))
            nobodys = body(await actors.ask(asker, route, contract="nobody", daemon="nobody"))
            asked += 1
            if _anonymous(actors, theirs) != _anonymous(actors, nobodys):
                leaks.append(f"{asker.title}: {route}: {theirs} and {nobodys}")
    return differing(
        "R10", "others' things and things that are not there", (asked, "pairs"), {"told apart": leaks}
    )


def _anonymous(actors: Actors, answer: dict[str, object]) -> dict[str, str]:
    return {
        name: str(value).replace(actors.contract, "nobody").replace(DAEMON, "nobody")
        for name, value in answer.items()
        if name != "trace_id"  # one for each request
    }


async def timed(actors: Actors) -> Comparison:
    """By how long the answer takes; both kinds in turn, so that the machine does the same to both."""
    other = next(asker for asker in ASKERS if asker.role is Role.OWNER and not asker.own)
    taken: dict[str, list[float]] = {actors.contract: [], "nobody": []}
    for _ in range(TIMED):
        for contract, times in taken.items():
            began = time.perf_counter()
            await actors.ask(other, "GET /contracts/{contract_id}", contract=contract)
            times.append((time.perf_counter() - began) * 1000)
    theirs, nobodys = (median(times) for times in taken.values())
    slow, fast = max(theirs, nobodys), min(theirs, nobodys)
    telling = slow > fast * TELLING and slow - fast > TELLING_MS
    said = f"p50 {theirs:.2f} ms for another's contract, {nobodys:.2f} ms for none"
    kinds = {"told apart": [said] if telling else []}
    return differing("R10", "the same by their time", (2 * TIMED, "requests"), kinds, said)


async def over_nats(place: Path) -> Comparison:
    """Each user of the broker says everything: it may what its row of permissions says, and nothing else."""
    other, said = list[str](), 0
    async with guarded_broker(place) as broker:
        for user, permissions in USERS.items():
            refused: list[str] = []
            async with broker.connected(user.removeprefix("daemon "), refused) as client:
                for what, subject in [
                    (what, subject) for what, subject in SUBJECTS.items() if subject != ">"
                ]:
                    await client.publish(subject, b"")
                    await confirm_subscriptions(client)
                    said += 1
                    if (not refused) != may(permissions.publish, subject):
                        other.append(f"{user} says {what}")
                    refused.clear()
    kinds = {"other than the table of access": other}
    return differing("R10", "users of the broker, on every subject", (said, "publishes"), kinds)
