"""The gate of a contract's phase as data: what it asks for, whose turn it is, and the request that helps (pure)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, cast

import orjson
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import Phase, TaskStatus
from makima_schemas.gate import conditions, required_deliverables
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.schemas.phases import ConditionState, GateAct, GateCondition, Who
from makima_gateway.read_model.rows import ContractRow, TaskRow

PERSON: Final = Who("person")
SERVICE: Final = Who("service")

StatusByRole = Mapping[str, AgentStatus]  # by role


def gate_conditions(
    row: ContractRow,
    phase: Phase,
    tasks: Sequence[TaskRow],
    statuses: StatusByRole,
    *,
    next_phase: str | None,
    advances: bool,
) -> list[GateCondition]:
    """All conditions, met or not: deliverables, tasks, the validator, the switches, the guard.

    `tasks`: of the phase, oldest first. `advances`: the gate and the settings let the contract advance by itself.
    """
    own = [task for task in tasks if not task.is_supervisor]
    needed = [
        *_deliverables(row, phase, statuses),
        *_tasks(row, phase, own, statuses),
        *_validator(row, phase),
    ]
    open_ = any(each.state in {"missing", "unknown"} for each in needed)
    return [*needed, *_switches(row, advances=advances), _guard(row, next_phase, open_=open_)]


def _deliverables(row: ContractRow, phase: Phase, statuses: StatusByRole) -> list[GateCondition]:
    required, path = required_deliverables(phase), f"/api/v1/contracts/{row.id}/deliverables"
    items = cast("list[dict[str, object]]", orjson.loads(row.deliverables))
    known = {str(item["id"]): item for item in items if item["phase"] == phase.name}
    found = list[GateCondition]()
    for name in dict.fromkeys([*known, *required]):
        item = known.get(name, {})
        done = bool(item.get("completed"))
        at = cast("str | None", item.get("completed_at"))
        found.append(
            GateCondition(
                "deliverable",
                name,
                str(item.get("name", name)),
                "met" if done else "missing" if name in required else "not_required",
                None if at is None else datetime.fromisoformat(at),
                who=Who("agent", SUPERVISOR_ROLE, statuses.get(SUPERVISOR_ROLE)),
                act=None if done else GateAct("POST", f"{path}/{name}/complete", {}),
            )
        )
    return found


def _tasks(
    row: ContractRow, phase: Phase, own: Sequence[TaskRow], statuses: StatusByRole
) -> list[GateCondition]:
    wanted = conditions(phase, (), own, validated=None)
    named = {each.id for each in wanted if each.kind == "task"}
    rule = [
        GateCondition("tasks", each.id, each.name, "met" if each.met else "missing", who=None)
        for each in wanted
        if each.kind == "tasks"
    ]
    counts = _counts(own, named or None, is_required=bool(rule or named))
    there = {task.name for task in own}
    return [
        *rule,
        *(_task(task, statuses, counts) for task in own),
        *(
            GateCondition(
                "task",
                name,
                name,
                "missing",
                who=Who("agent", SUPERVISOR_ROLE, statuses.get(SUPERVISOR_ROLE)),
                act=GateAct("POST", f"/api/v1/contracts/{row.id}/tasks", {"name": name}),
            )
            for name in (each.id for each in wanted if each.kind == "task")
            if name not in there
        ),
    ]


def _counts(
    own: Sequence[TaskRow], named: Collection[str] | None, *, is_required: bool
) -> Callable[[TaskRow], bool]:
    """Which tasks count: not one that failed and that a later one of its name replaces (decision 0010)."""
    last = {task.name: task.id for task in own}

    def counts(task: TaskRow) -> bool:
        replaced = task.status is TaskStatus.FAILED and last[task.name] != task.id
        return is_required and not replaced and (named is None or task.name in named)

    return counts


def _task(task: TaskRow, statuses: StatusByRole, counts: Callable[[TaskRow], bool]) -> GateCondition:
    state: ConditionState = "missing" if counts(task) else "not_required"
    return GateCondition(
        "task",
        task.id,
        task.name,
        "met" if task.status is TaskStatus.COMPLETED else state,
        task.updated_at,
        evidence=task.result,
        who=Who("agent", task.role, None if task.role is None else statuses.get(task.role)),
        task_status=task.status,
    )


def _validator(row: ContractRow, phase: Phase) -> list[GateCondition]:
    name = phase.gate.validator
    if name is None:
        return []
    state: ConditionState = "unknown" if row.validated is None else "met" if row.validated else "missing"
    return [
        GateCondition(
            "validator", name, f"validator {name}", state, evidence=row.validation_reason, who=SERVICE
        )
    ]


def _switches(row: ContractRow, *, advances: bool) -> list[GateCondition]:
    """Without them the gate may be met, and the contract stays until somebody moves it."""
    on = row.auto_complete_enabled
    act = GateAct("PUT", f"/api/v1/contracts/{row.id}/auto-complete", {"enabled": True})
    return [
        GateCondition(
            "switch", "auto_complete", "auto-complete", _met(on), who=PERSON, act=None if on else act
        ),
        GateCondition("switch", "auto_advance", "automatic advance", _met(advances), who=SERVICE),
    ]


def _guard(row: ContractRow, next_phase: str | None, *, open_: bool) -> GateCondition:
    state: Literal["not_required", "unknown", "missing"] = "not_required"
    if row.phase_guard and next_phase is not None:
        state = "unknown" if open_ else "missing"
    body: dict[str, object] = {"phase": next_phase, "confirmed": True}
    act = GateAct("POST", f"/api/v1/contracts/{row.id}/phase", body) if state == "missing" else None
    return GateCondition("guard", "phase_guard", "phase guard", state, who=PERSON, act=act)


def _met(on: bool) -> ConditionState:
    return "met" if on else "missing"
