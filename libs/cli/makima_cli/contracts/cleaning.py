"""The steps of a cleanup, in their order, and that no contract is deleted while a machine has a worktree of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, cast

from makima_sdk.http import Http, Json
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError

BATCH_TIMEOUT_SECONDS: Final = 600.0
MAX_REQUESTS_AT_ONCE: Final = 8


class Step(Enum):
    """The steps, in the order in which they are always taken, and the batch operation of each."""

    WORKTREES = "cleanup_worktrees"
    ARCHIVE = "archive_old"
    DELETE = "cleanup_archived"

    @property
    def done(self) -> str:
        """What has been done to a contract after it."""
        return {"WORKTREES": "cleared of worktrees", "ARCHIVE": "archived", "DELETE": "deleted"}[self.name]

    @property
    def would_be(self) -> str:
        """The same, of a dry run, which looks at no machine."""
        return f"would be {self.done}" + (", if a machine has any:" if self is Step.WORKTREES else "")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A contract to which a step was not applied, and why."""

    id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The contracts of one step: to which it is to be applied, or was applied."""

    step: Step
    ids: Sequence[str]
    skipped: Sequence[Skipped] = ()
    statuses: Sequence[str] | None = None  # of its contracts; None: as the batch operation selects them

    def shown(self) -> Json:
        skipped = [{"id": one.id, "code": one.code, "detail": one.detail} for one in self.skipped]
        return {"operation": self.step.value, "affected_ids": list(self.ids), "skipped": skipped}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a cleanup is to do, or has done."""

    older_than_hours: float
    steps: Sequence[StepPlan]

    @property
    def size(self) -> int:
        return sum(len(step.ids) for step in self.steps)

    def shown(self) -> Json:
        return {"older_than_hours": self.older_than_hours, "steps": [step.shown() for step in self.steps]}


async def planned(http: Http, steps: Sequence[Step], hours: float) -> Plan:
    """What each step would be applied to now; nothing is changed.

    Who deletes removes the worktrees before: of the archived contracts only, if nobody has chosen that step.
    """
    needed = {Step.WORKTREES, *steps} if Step.DELETE in steps else steps
    only = {} if Step.WORKTREES in steps else {Step.WORKTREES: ["archived"]}
    return Plan(
        hours,
        [await _batch(http, step, hours, only.get(step), dry_run=True) for step in Step if step in needed],
    )


async def named(http: Http, plan: Plan, most: int) -> dict[str, str]:
    """The names of the first contracts of each step, `most` of each; without those that are gone meanwhile."""
    limit = asyncio.Semaphore(MAX_REQUESTS_AT_ONCE)
    wanted = sorted({own for step in plan.steps for own in step.ids[:most]})

    async def name(contract_id: str) -> str | None:
        async with limit:
            try:
                return str((await http.send("GET", path("contracts", contract_id))).body["name"])
            except ProblemError:
                return None

    names = await asyncio.gather(*map(name, wanted))
    return {own: found for own, found in zip(wanted, names, strict=True) if found is not None}


async def carry_out(http: Http, plan: Plan) -> Plan:
    """Take the steps of the plan, and return what was done.

    Only contracts that the plan names are deleted, so none that was archived, or became old enough, meanwhile. One
    whose worktrees were not removed is skipped.
    """
    done = list[StepPlan]()
    kept: dict[str, Skipped] = {}
    for one in plan.steps:
        if one.step is Step.DELETE:
            done.append(await _delete(http, one, kept))
            continue
        done.append(await _batch(http, one.step, plan.older_than_hours, one.statuses))
        if one.step is Step.WORKTREES:
            kept = {each.id: each for each in done[-1].skipped}
    return replace(plan, steps=done)


async def _batch(
    http: Http, step: Step, hours: float, statuses: Sequence[str] | None, *, dry_run: bool = False
) -> StepPlan:
    body: dict[str, object] = {"operation": step.value, "older_than_hours": hours, "dry_run": dry_run}
    body |= {} if statuses is None else {"status_filter": list(statuses)}
    answer = (await http.send("POST", "/contracts/batch", body, timeout=BATCH_TIMEOUT_SECONDS)).body
    errors = cast("Sequence[Json]", answer["errors"])
    skipped = [Skipped(str(each["id"]), str(each["code"]), str(each["detail"])) for each in errors]
    return StepPlan(step, cast("Sequence[str]", answer["affected_ids"]), skipped, statuses)


async def _delete(http: Http, planned_step: StepPlan, kept: dict[str, Skipped]) -> StepPlan:
    limit = asyncio.Semaphore(MAX_REQUESTS_AT_ONCE)

    async def delete(contract_id: str) -> Skipped | None:
        if contract_id in kept:
            return kept[contract_id]
        async with limit:
            try:
                await http.send("DELETE", path("contracts", contract_id))
            except ProblemError as error:
                return Skipped(contract_id, error.code, error.detail)
        return None

    outcomes = await asyncio.gather(*map(delete, planned_step.ids))
    deleted = [own for own, outcome in zip(planned_step.ids, outcomes, strict=True) if outcome is None]
    return StepPlan(planned_step.step, deleted, [outcome for outcome in outcomes if outcome is not None])
