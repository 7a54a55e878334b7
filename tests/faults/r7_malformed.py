"""R7: a hundred thousand malformed heartbeats, commands and bodies, of all sizes up to what the broker takes."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, cast
from uuid import uuid4

import httpx
import msgspec
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES
from nats.errors import Error as NatsError

from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, RECOVERY_SECONDS, Trial, on_servers, under_load
from tests.services.gateway.api.random_requests import content, send
from tests.services.gateway.harness import ADMIN, act, authenticated_client, created
from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.whole_system import whole_system

HEARTBEATS: Final = 86_000
COMMANDS: Final = 10_000
BODIES: Final = 4_000
AT_ONCE: Final = 8
SENDER: Final = "bad"
IN_FLIGHT: Final = 500  # heartbeats between two flushes
NAMES: Final = (
    "create_contract",
    "start_contract",
    "create_task",
    "change_phase",
    "complete_task",
    "nothing",
)
GOOD: Final[dict[str, object]] = msgspec.to_builtins(supervisor_beat(SENDER))
NOTHING: Final[list[object]] = []
ODD: Final[tuple[object, ...]] = (
    None,
    True,
    -1,
    2**63,
    2**64,
    1e300,
    "",
    "a b",
    "x" * 65,
    "nul\0",
    NOTHING,
    {"a": 1},
    [NOTHING],
    "é",
)
SIZES: Final = (
    *(MAX_HEARTBEAT_BYTES + each for each in (-1, 0, 1)),
    *(512 * 1024 + each for each in (-1, 0, 1)),
    1024 * 1024,
)


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R7", postgres, broker, system) as trial,
    ):
        before = dict(system.runner.pids)
        beats = await heartbeats(trial)
        trial.dies("t0")
        commands = await asked(trial)
        trial.dies("t1")
        bodies = await over_http(trial)
        await trial.recovers()
        gone = [name for name, pid in system.runner.pids.items() if before[name] != pid]
        nobody = differing(
            "R7", "processes that served all of it", (len(before), "processes"), {"stopped": gone}
        )
        return [beats, commands, bodies, nobody, *await compared(trial)]


def bent(chance: random.Random) -> bytes:
    """A heartbeat cut off, with strange members, or of a strange size; or nothing of the kind."""
    match chance.randrange(8):
        case 0:
            return chance.randbytes(chance.randrange(300))
        case 1:
            whole = orjson.dumps(GOOD)
            return whole[: chance.randrange(len(whole))]
        case 2 if chance.random() < 0.005:
            return b"x" * chance.choice(SIZES)
        case _:
            name = chance.choice((*GOOD, "unknown"))
            return orjson.dumps({**GOOD, name: chance.choice(ODD)}, option=orjson.OPT_NON_STR_KEYS)


def payloads(chance: random.Random, count: int) -> Iterator[bytes]:
    made = 0
    while made < count:
        try:
            payload = bent(chance)
        except TypeError:  # 2**64 is no JSON number for the encoder
            continue
        made += 1
        yield payload


async def heartbeats(trial: Trial) -> Comparison:
    """Each is recorded, or set aside with its reason."""
    chance, sent = random.Random(7), 0
    before = await kept(trial)
    jetstream = trial.nats.jetstream()
    waiting: list[asyncio.Future[object]] = []
    subject = subjects.supervisor_heartbeat("dbad", SENDER)
    for payload in payloads(chance, HEARTBEATS):
        waiting.append(cast("asyncio.Future[object]", await jetstream.publish_async(subject, payload)))
        sent += 1
        if len(waiting) >= IN_FLIGHT:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)

    async def all_kept() -> bool:
        return await kept(trial) - before >= sent

    with suppress(AssertionError):
        await eventually(all_kept, RECOVERY_SECONDS, every=0.5)
    missing = sent - (await kept(trial) - before)
    kinds = {"neither": [f"{missing} heartbeats"] if missing else []}
    return differing("R7", "malformed heartbeats, recorded or set aside", (sent, "heartbeats"), kinds)


async def kept(trial: Trial) -> int:
    """How many of this sender's heartbeats are in the history, and of anybody's went to the dead letters."""
    rows: int = await trial.pool.fetchval(
        "select count(*) from supervisor_heartbeat.heartbeats where sender = $1", f"supervisor-{SENDER}"
    )
    return rows + (await trial.nats.jetstream().stream_info(subjects.DEAD_LETTERS_STREAM)).state.last_seq


async def asked(trial: Trial) -> Comparison:
    """Each gets an answer, which is a refusal or a success, never silence."""
    chance, answers, silent = random.Random(8), Counter[str](), list[str]()

    async def ask(share: int) -> None:
        for _ in range(share):
            name = chance.choice(NAMES)
            body = content(chance)
            try:
                answer = await trial.nats.request(f"makima.commands.contract.{name}", body, timeout=10)
            except (NatsError, TimeoutError) as error:
                if name != "nothing":  # nobody listens there
                    silent.append(f"{name} {body[:80]!r}: {error!r}")
                continue
            said = orjson.loads(answer.data)
            answers[str(said.get("error", {}).get("code", "ok"))] += 1

    await asyncio.gather(*(ask(COMMANDS // AT_ONCE) for _ in range(AT_ONCE)))
    internal = [f"{count} x INTERNAL" for code, count in answers.items() if code == "INTERNAL"]
    note = ", ".join(f"{count} x {code}" for code, count in answers.most_common(4))
    kinds = {"unanswered": silent, "failed": internal}
    return differing("R7", "malformed commands over NATS, answered", (COMMANDS, "commands"), kinds, note)


async def over_http(trial: Trial) -> Comparison:
    statuses, failed = Counter[int](), list[str]()
    async with authenticated_client(ADMIN, trial.system.http) as http:
        contract = str((await created(http, name=uuid4().hex))["id"])
        await act(http, contract, "start")
        task = str((await http.post(f"/contracts/{contract}/tasks", json={"name": "write"})).json()["id"])

        async def fuzz(seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(BODIES // AT_ONCE):
                try:
                    answer = await send(http, chance, contract, task)
                except httpx.TransportError as error:
                    failed.append(repr(error))
                    continue
                statuses[answer.status_code] += 1
                if answer.status_code >= 500:
                    failed.append(
                        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
                    )

        await asyncio.gather(*(fuzz(seed) for seed in range(AT_ONCE)))
    note = ", ".join(f"{count} x {status}" for status, count in statuses.most_common(6))
    return differing(
        "R7", "malformed HTTP requests, answered below 500", (BODIES, "requests"), {"5xx": failed}, note
    )
