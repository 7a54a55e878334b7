"""What a gate says of each of its conditions over HTTP."""

import httpx

from tests.services.gateway.harness import act, body, created, listed


async def test_a_gate_says_of_each_condition_who_must_act_since_when_and_what_proves_it(
    http: httpx.AsyncClient,
) -> None:
    contract = str((await created(http, contract_type="execute"))["id"])
    await act(http, contract, "start")
    tasks: dict[str, dict[str, object]] = {}
    path = f"/contracts/{contract}/tasks"
    for name, steps in (
        ("pending", ()),
        ("claimed", ("claim",)),
        ("running", ("claim", "start")),
        ("done", ("claim", "start", "complete")),
    ):
        task = body(await http.post(path, json={"name": name, "role": "builder"}))
        for step in steps:
            sent = {
                "claim": {"role": "builder"},
                "start": {},
                "complete": {"success": True, "result": "exit code 0"},
            }[step]
            answer = await http.post(f"{path}/{task['id']}/{step}", json=sent)
            assert answer.status_code == 200, answer.text
            task = body(answer)
        tasks[name] = task
    shown = body(await http.get(f"/contracts/{contract}/phase-readiness"))
    builder = {"kind": "agent", "role": "builder", "agent_status": None}
    supervisor = {**builder, "role": "supervisor"}
    person, service = ({"kind": kind, "role": None, "agent_status": None} for kind in ("person", "service"))
    deliver_it = f"/api/v1/contracts/{contract}/deliverables/pull-request/complete"
    nothing = {"since": None, "evidence": None, "act": None, "task_status": None}

    def of_task(name: str, state: str, status: str, evidence: str | None = None) -> dict[str, object]:
        known = {"since": tasks[name]["updated_at"], "evidence": evidence, "act": None, "task_status": status}
        return {
            "kind": "task",
            "id": tasks[name]["id"],
            "name": name,
            "state": state,
            "who": builder,
            **known,
        }

    def switch(name: str, words: str, who: dict[str, str | None]) -> dict[str, object]:
        return {"kind": "switch", "id": name, "name": words, "state": "met", "who": who, **nothing}

    [deliverable, rule, *others] = listed(shown["conditions"])
    assert deliverable == {
        "kind": "deliverable",
        "id": "pull-request",
        "name": "Pull request",
        "state": "missing",
        "who": supervisor,
        **nothing,
        "act": {"method": "POST", "path": deliver_it, "body": {}},
    }
    assert (rule["kind"], rule["state"], rule["who"], rule["task_status"]) == ("tasks", "missing", None, None)
    assert others == [
        of_task("pending", "missing", "pending"),
        of_task("claimed", "missing", "claimed"),
        of_task("running", "missing", "running"),
        of_task("done", "met", "completed", "exit code 0"),
        switch("auto_complete", "auto-complete", person),
        switch("auto_advance", "automatic advance", service),
        {"kind": "guard", "id": "phase_guard", "name": "phase guard", "state": "not_required", "who": person, **nothing},
    ]  # fmt: skip
