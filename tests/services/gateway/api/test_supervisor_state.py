"""A supervisor's state is kept at each save point, and survives its process, its daemon and its machine.

The testing requirements of the plan: 3.3 (state persistence), 3.4 (restoration) and 3.5 (status, history, sync).
"""

from typing import cast

import pytest
from makima_gateway.api import writes
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas.supervisor import SupervisorState

from tests.services.gateway.api.restorable import Json, Supervised, said, saves
from tests.services.gateway.harness import body, created, refused

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("supervisor state")]


async def test_state_is_persisted_on_each_save_point(world: Supervised) -> None:
    points: dict[str, Json] = {
        "conversation": {"messages": said("I have read the form.")},
        "task_spawned": {"task_id": "t7"},
        "waiting_on": {"task_ids": ["t7"]},
        "question": {"question_id": "q1", "question": "Which provider?"},
        "phase": {"phase": "execute"},
        "activity": {"activity": "writing the form", "progress": 40},
        "error": {"message": "the tests fail"},
        "checkpoint": {"commit": "ab12cd", "notes": {"left": ["the button"]}},
    }
    versions = [await world.save(kind, members) for kind, members in points.items()]
    kept = await saves(world)
    assert [(each["kind"], each["content"]) for each in kept] == list(points.items())
    assert [each["version"] for each in kept] == versions
    assert [each["number"] for each in kept] == list(range(1, 9))
    assert [each["previous_hash"] for each in kept] == ["", *(each["hash"] for each in kept[:-1])]
    assert all(each["intact"] for each in kept)
    # the heartbeat is the light save
    await world.beat(current_activity="testing the form", progress=60)

    async def heard() -> bool:
        status = body(await world.d1.get(f"{world.path}/status"))
        return (status["current_activity"], status["progress"]) == ("testing the form", 60)

    await eventually(heard)
    answer = await world.restore("d1", "k2")
    assert (answer["current_activity"], answer["progress"]) == ("testing the form", 60)
    assert (answer["phase"], answer["error"]) == ("execute", "the tests fail")
    assert cast("Json", answer["last_checkpoint"])["checkpoint"] == points["checkpoint"]


async def test_a_save_is_answered_when_the_log_has_it(
    world: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the read model, which none of it is read from."""
    monkeypatch.setattr(writes, "MIN_POSITION_TIMEOUT_SECONDS", 10 * PATIENCE)
    async with world.pool.acquire() as held, held.transaction():
        await held.execute("lock table gateway.contracts in exclusive mode")  # the read model stands still
        saved = {"kind": "phase", "phase": "execute"}
        answer = await world.d1.post(f"{world.path}/state", json=saved)
        assert (answer.status_code, answer.headers["Makima-Read-Behind"]) == (200, "true"), answer.text
        assert [each["version"] for each in await saves(world)] == [body(answer)["version"]]
        assert int(answer.headers["Makima-Position"]) <= await world.gateways.log.head()


async def test_what_does_not_fit_is_refused_with_what_to_do(world: Supervised) -> None:
    state = f"{world.path}/state"
    for unfit in (
        {"kind": "phase"},
        {"kind": "phase", "phase": "plan", "task_ids": ["t1"]},
        {"kind": "dream", "text": "x"},
        {"kind": "question"},
        {"kind": "waiting_on", "task_ids": "t7"},
    ):
        await refused(world.d1.post(state, json=unfit), 422, "INVALID_REQUEST")
    large = {"kind": "conversation", "messages": said("x" * 256 * 1024)}
    problem = await refused(world.d1.post(state, json=large), 413, "PAYLOAD_TOO_LARGE")
    assert "reference" in str(problem["hint"])
    phase = {"kind": "phase", "phase": "plan"}
    other = str((await created(world.http))["id"])
    never = f"/contracts/{other}/supervisor"
    await refused(world.http.post(f"{never}/state", json=phase), 404, "SUPERVISOR_NOT_FOUND")
    await refused(
        world.http.post(f"{never}/state?task_id={world.task}", json=phase), 404, "SUPERVISOR_NOT_FOUND"
    )
    await refused(world.http.get(f"{never}/state?task_id={world.task}"), 404, "SUPERVISOR_NOT_FOUND")
    await refused(world.http.post(f"{never}/sync"), 404, "SUPERVISOR_NOT_FOUND")
    await refused(world.d2.post(state, json=phase), 404, "CONTRACT_NOT_FOUND")
    assert await saves(world) == []


async def test_a_quota_bounds_what_a_contract_saves(world: Supervised) -> None:
    message = {"kind": "conversation", "messages": said("x" * 250_000)}

    async def full() -> bool:
        return (await world.d1.post(f"{world.path}/state", json=message)).status_code != 200

    await eventually(full)
    problem = await refused(world.d1.post(f"{world.path}/state", json=message), 403, "QUOTA_EXCEEDED")
    assert "quotas.saved_state_mib_per_contract" in str(problem["hint"])


async def test_a_list_of_saves_goes_on_where_a_page_ended(world: Supervised) -> None:
    for number in range(5):
        await world.save("conversation", messages=said(f"step {number}"))
    first = body(await world.http.get(f"{world.path}/state?limit=3"))
    rest = body(await world.http.get(f"{world.path}/state?limit=3&cursor={first['next_cursor']}"))
    numbers = [each["number"] for page in (first, rest) for each in cast("list[Json]", page["items"])]
    assert (numbers, rest["next_cursor"]) == ([1, 2, 3, 4, 5], None)


async def test_the_status_endpoint_returns_correct_data(world: Supervised) -> None:
    await world.beat(
        current_activity="writing the form", progress=45, pending_task_ids=["t7"], phase="execute"
    )

    async def shown() -> bool:
        status = body(await world.http.get(f"{world.path}/status"))
        said_now = (
            status["current_activity"],
            status["progress"],
            status["pending_task_ids"],
            status["phase"],
        )
        return said_now == ("writing the form", 45, ["t7"], "execute")

    await eventually(shown)
    listed = body(await world.http.get(f"{world.path}/heartbeats?limit=1"))
    assert [each["activity"] for each in cast("list[Json]", listed["heartbeats"])] == ["writing the form"]


async def test_a_forced_sync_triggers_a_state_update(world: Supervised) -> None:
    async def obey(message: object) -> None:
        del message
        await world.beat(state=SupervisorState.BLOCKED)

    listening = await world.nats.subscribe("makima.signals.daemon.d1.sync", cb=obey)
    await confirm_subscriptions(world.nats)
    assert body(await world.d1.post(f"{world.path}/sync")) == {"synced": True, "state": "blocked"}
    assert body(await world.d1.get(f"{world.path}/status"))["state"] == "blocked"
    await listening.unsubscribe()
