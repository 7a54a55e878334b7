"""A supervisor goes on after its process, its daemon or its machine is gone: the requirements of the plan, 3.4."""

from typing import cast

import orjson
import pytest
from makima_kernel.testing import eventually
from makima_schemas.contract.events import QuestionAnswered, QuestionAsked
from makima_schemas.saved_state import hash_of
from makima_schemas.supervisor import SupervisorSaved, SupervisorState

from tests.services.gateway.api.restorable import Json, Supervised, gone_from, said, saves, state_is
from tests.services.gateway.harness import body, created, refused

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("supervisor restoration")]


async def test_state_survives_a_daemon_restart(world: Supervised) -> None:
    """The daemon comes back and starts a new process, which goes on with all that the one before saved."""
    await world.save("conversation", messages=said("I have read the form."))
    await world.save("task_spawned", task_id="t7")
    answer = await world.restore("d1", "k2")
    assert (answer["outcome"], answer["warning"], answer["state"], answer["task_id"]) == (
        "resumed",
        None,
        "working",
        world.task,
    )
    assert answer["conversation_history"] == said("I have read the form.")
    assert answer["spawned_task_ids"] == ["t7"]
    await world.prove("k2", "d1")
    await world.save("phase", connection_id="k2", phase="execute")
    await refused(
        world.d1.post(f"{world.path}/state", json={"kind": "phase", "phase": "plan", "connection_id": "k1"}),
        409,
        "SUPERSEDED",
    )


async def test_restore_after_a_clean_shutdown(world: Supervised) -> None:
    await world.save("conversation", messages=said("I have read the form."))
    await world.save("checkpoint", commit="ab12cd")
    await world.save("conversation", messages=said("Now the button."))
    await world.beat(state=SupervisorState.COMPLETED)
    await eventually(lambda: state_is(world, "completed"))
    answer = await world.restore("d1", "k2")
    assert answer["outcome"] == "resumed"
    assert answer["conversation_history"] == said("Now the button."), "since the checkpoint"
    assert cast("Json", answer["last_checkpoint"])["checkpoint"] == {"commit": "ab12cd"}


async def test_restore_after_a_crash_on_another_machine(world: Supervised) -> None:
    await world.save("conversation", messages=said("I have read the form."))
    problem = await world.restore("d2", status=409)
    assert problem["code"] == "SUPERSEDED"
    await world.die()
    answer = await world.restore("d2")
    assert (answer["outcome"], answer["state"]) == ("resumed", "working")
    assert "go on where" in str(answer["context"])
    # the daemon reaches the contract before it has proved anything, so that it can prove it by HTTP
    assert (await world.d2.get(f"/contracts/{world.contract}")).status_code == 200
    heartbeat = {"task_id": world.task, "state": "working", "connection_id": "k2"}
    assert body(await world.d2.post(f"{world.path}/heartbeat", json=heartbeat))["status"] == "ok"

    async def assigned() -> bool:
        return (await world.assignments())[-1] == ("d2", "k2")

    await eventually(assigned)
    assert (await world.names())[-2:] == ["SupervisorStateChanged", "RestorationProved"]
    await eventually(lambda: state_is(world, "working"))
    await eventually(lambda: gone_from(world))
    # a zombie changes nothing any more, and neither does a first heartbeat that was held up
    await world.beat("k1", "d1", state=SupervisorState.FAILED)
    await world.beat("held-up", "d2", state=SupervisorState.FAILED)

    async def told() -> bool:
        superseded = {subject for subject, _ in world.told if subject.endswith(".superseded")}
        return superseded == {f"makima.signals.daemon.{each}.superseded" for each in ("d1", "d2")}

    await eventually(told)
    assert (await world.names())[-1] == "RestorationProved"


async def test_the_old_process_wins_it_back_if_it_speaks_first(world: Supervised) -> None:
    await world.save("conversation", messages=said("I have read the form."))
    await world.die()
    await world.restore("d2")
    await world.beat("k1", "d1")
    await eventually(lambda: state_is(world, "working"))
    await world.beat("k2", "d2")
    await eventually(
        lambda: any(subject == "makima.signals.daemon.d2.superseded" for subject, _ in world.told)
    )
    assert await world.assignments() == [("d1", None)]
    assert "RestorationProved" not in await world.names()
    await world.save("phase", phase="execute")
    await refused(world.d2.get(f"/contracts/{world.contract}"), 404, "CONTRACT_NOT_FOUND")


async def test_a_repeated_restoration_gets_the_same_answer(world: Supervised) -> None:
    await world.save("conversation", messages=said("I have read the form."))
    await world.die()
    assert await world.restore("d2") == await world.restore("d2")
    assert (await world.names()).count("RestorationRequested") == 1


async def test_corrupted_state_is_handled_gracefully(world: Supervised) -> None:
    await world.save("conversation", messages=said("I have read the form."))
    await world.save("checkpoint", commit="ab12cd")
    broken = await world.save("conversation", messages=said("Now the form has a button."))
    await world.save("error", message="the tests fail")
    await world.rot(broken)
    assert [each["intact"] for each in await saves(world)] == [True, True, False, True]
    answer = await world.restore("d1", "k2")
    assert answer["outcome"] == "from_checkpoint"
    assert f"version {broken}" in str(answer["warning"])
    assert (answer["conversation_history"], answer["error"]) == ([], None)
    assert cast("Json", answer["last_checkpoint"])["checkpoint"] == {"commit": "ab12cd"}
    recorded = await world.gateways.log.stream("default", f"supervisor-{world.task}")
    told = [orjson.loads(each.data) for each in recorded if each.type == "StateCorruptionDetected"]
    expected = {
        "contract_id": world.contract,
        "version": broken,
        "number": 3,
        "checkpoint_version": broken - 1,
    }
    assert told == [expected]
    await world.prove("k2", "d1")
    await world.save("phase", connection_id="k2", phase="execute")
    again = await world.restore("d1", "k3")
    assert (again["outcome"], again["phase"]) == ("resumed", "execute"), (
        "the chain went on from the checkpoint"
    )


async def test_without_a_checkpoint_before_the_break_it_begins_anew(world: Supervised) -> None:
    broken = await world.save("conversation", messages=said("I have read the form."))
    await world.save("checkpoint", commit="ab12cd")
    await world.rot(broken)
    answer = await world.restore("d1", "k2")
    assert (answer["outcome"], answer["last_checkpoint"], answer["conversation_history"]) == (
        "fresh",
        None,
        [],
    )


async def test_nothing_saved_is_fresh_with_a_warning(world: Supervised) -> None:
    answer = await world.restore("d1", "k2")
    assert (answer["outcome"], answer["state"], answer["task_id"]) == ("fresh", "initializing", world.task)
    assert "nothing was saved" in str(answer["warning"])


async def test_a_contract_without_any_supervisor_gets_one(world: Supervised) -> None:
    other = str((await created(world.http))["id"])
    asked = {"daemon_id": "d2", "connection_id": "k9"}
    answer = await world.d2.post(f"/contracts/{other}/supervisor/restore", json=asked)
    assert answer.status_code == 200, answer.text
    assert body(answer)["outcome"] == "fresh"
    task = str(body(answer)["task_id"])
    repeat = body(await world.d2.post(f"/contracts/{other}/supervisor/restore", json=asked))
    assert repeat["task_id"] == task
    world.contract = other
    await world.prove("k9", "d2", task)
    assert await world.names(task) == [
        "RestorationRequested",
        "SupervisorRegistered",
        "RestorationProved",
    ]
    status = body(await world.d2.get(f"/contracts/{other}/supervisor/status"))
    assert (status["task_id"], status["state"]) == (task, "working")


async def test_resume_with_pending_questions_which_are_delivered_again_once(world: Supervised) -> None:
    questions = f"/contracts/{world.contract}/questions"
    asked = body(await world.http.post(questions, json={"question": "Which provider?"}))
    answered = body(await world.http.post(questions, json={"question": "Which colour?"}))
    await world.http.post(f"{questions}/{answered['id']}/answer", json={"answer": "blue"})
    for each in (asked, answered):
        await world.save("question", question_id=each["id"], question=each["question"])
    await world.die()
    answer = await world.restore("d2")
    assert answer["state"] == "waiting_for_user"
    pending = cast("list[Json]", answer["pending_questions"])
    assert [(each["question_id"], each["question"]) for each in pending] == [(asked["id"], "Which provider?")]
    before = body(await world.http.get(questions))
    await world.prove()
    log = await world.gateways.log.stream("default", f"contract-{world.contract}")
    again = [orjson.loads(each.data) for each in log if each.type == "QuestionAsked"][2:]
    assert [(each["question_id"], each["again"]) for each in again] == [(asked["id"], True)]
    types = [each.type for each in log]
    assert types[len(types) - types[::-1].index("ContractAssigned")] == "QuestionAsked", "in the same append"

    async def shown() -> bool:
        sent = await world.pool.fetch(
            "select message from gateway.monitor_events where type = 'QuestionAsked'"
        )
        return [orjson.loads(each["message"])["question_id"] for each in sent].count(asked["id"]) == 2

    await eventually(shown)
    assert body(await world.http.get(questions)) == before, "asked once, delivered twice"


async def test_of_many_saved_questions_those_that_are_answered_are_not_delivered_again(
    world: Supervised,
) -> None:
    """Appended at once, as a supervisor of long ago saved them."""
    known = [f"{world.task}-{number}" for number in range(205)]
    asked = (QuestionAsked(each, each, "text") for each in known)
    answered = (QuestionAnswered(each, "yes") for each in known)
    await world.gateways.append(f"contract-{world.contract}", *asked, *answered)
    before, saved = "", list[SupervisorSaved]()
    for number, each in enumerate((*known, "unknown"), 1):
        content = orjson.dumps({"question_id": each, "question": each}).decode()
        of = hash_of(before, number, "k1", "question", content)
        saved.append(SupervisorSaved(world.contract, "k1", "question", content, number, before, of))
        before = of
    await world.gateways.append(f"supervisor-{world.task}", *saved)
    pending = cast("list[Json]", (await world.restore("d1", "k2"))["pending_questions"])
    assert [each["question_id"] for each in pending] == ["unknown"]


async def test_resume_with_waiting_tasks(world: Supervised) -> None:
    tasks = f"/contracts/{world.contract}/tasks"
    made = [body(await world.http.post(tasks, json={"name": name}))["id"] for name in ("write", "review")]
    for each in made:
        await world.save("task_spawned", task_id=each)
    await world.save("waiting_on", task_ids=made)
    await world.http.post(f"{tasks}/{made[0]}/complete", json={"success": True})
    await world.die()
    answer = await world.restore("d2")
    assert (answer["state"], answer["waiting_on_task_ids"]) == ("waiting_for_tasks", [made[1]])
    assert answer["spawned_task_ids"] == made
    assert str(made[0]) in str(answer["context"]), "what was finished meanwhile is said"


async def test_only_the_newest_of_a_long_history_is_answered_and_the_rest_can_be_read(
    world: Supervised,
) -> None:
    text = "x" * 200_000
    for number in range(7):
        await world.save("conversation", messages=said(f"{number}{text}"))
    answer = await world.restore("d1", "k2")
    history = cast("list[Json]", answer["conversation_history"])
    assert answer["truncated"] is True
    assert [str(each["content"])[0] for each in history] == ["2", "3", "4", "5", "6"]
    rest = await saves(world, cursor=answer["cursor"], limit=2)
    assert [each["number"] for each in rest] == [1, 2]
