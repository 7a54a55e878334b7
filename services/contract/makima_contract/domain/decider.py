"""The contract's decider: handles every command, after the status table has allowed it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.contract_types import ContractTypes, contract_types
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import TERMINAL_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Member, Refused

from makima_contract.domain import agents, creation, phases, questions, work
from makima_contract.domain import transitions as moves
from makima_contract.domain.agents import Command, TaskCall
from makima_contract.domain.state import Contract, evolve
from makima_contract.domain.statuses import DETECTOR_REQUESTS, LIFECYCLE, transition_refusal
from makima_contract.domain.waiting import derived_events, resume_target


@dataclass(frozen=True)
class ContractDecider:
    """The decider of the category `contract`."""

    types: ContractTypes = field(default_factory=contract_types)  # the known contract types with their phases
    auto_complete_enabled: bool = True  # the default for contracts whose CreateContract does not set it
    initial: Contract = field(default_factory=Contract)  # the state before the first event

    def decide(self, command: Command, state: Contract) -> list[ContractEvent]:
        """The events that `command` records; an empty list if nothing has to change.

        A repeat of work is accepted without an event in any status, and so is a request of a detector outside
        the status table: the detector was late.
        Raises `Refused`: `CONTRACT_NOT_FOUND`, `SUPERSEDED` and `REJOIN_REQUIRED` for a task call of a connection
        that is not in force, `INVALID_TRANSITION` if the table has no row for the command in this status, and the
        errors of the single commands.
        """
        if isinstance(command, TaskCall):
            return self._decide(command.command, state, command)
        return self._decide(command, state, None)

    def _decide(
        self, command: ContractCommand, state: Contract, call: TaskCall | None
    ) -> list[ContractEvent]:
        if isinstance(command, c.CreateContract) and state.status is None:
            return creation.create(command, self.types, auto_complete_enabled=self.auto_complete_enabled)
        if state.status is None or not state.exists:
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
        if (
            isinstance(command, c.ArchiveContract)
            and command.complete_first
            and LIFECYCLE.allowed(state.status, c.ArchiveContract) is None
        ):
            completed = self.decide(c.CompleteContract(), state)
            return [*completed, *self.decide(c.ArchiveContract(), _after(state, completed))]
        # Before the fence only what is done for good: a repeated claim says that the caller holds the task.
        repeated = work.is_repeat(state, command, call)
        if call is not None and not (repeated and isinstance(command, c.CompleteTask)):
            agents.check_in_force(call)
        if repeated:
            return []
        if LIFECYCLE.allowed(state.status, type(command)) is None:
            if type(command) in DETECTOR_REQUESTS:
                return []
            raise transition_refusal(state.status, type(command))
        events = _decided(command, state, call)
        return [*_ended_with(state, events), *events, *derived_events(_after(state, events))]

    def evolve(self, state: Contract, event: ContractEvent) -> Contract:
        """The state after `event`."""
        return evolve(state, event)


def conflict_members(state: Contract) -> dict[str, Member]:
    """The members that a `VERSION_CONFLICT` carries besides the versions (plan 1.2)."""
    return {"current_phase": state.phase_name}


def _decided(command: ContractCommand, state: Contract, call: TaskCall | None) -> list[ContractEvent]:  # noqa: C901, PLR0912 - one case for each command, nothing else
    match command:
        case c.CreateContract():
            raise AssertionError("the lifecycle does not allow it")
        case c.StartContract():
            return [e.ContractStarted()]
        case c.PauseContract():
            return moves.pause(state, command)
        case c.ResumeContract():
            return moves.resume(state)
        case c.BlockContract():
            return [e.ContractBlocked(command.reason)]
        case c.UnblockContract():
            return [e.ContractUnblocked(*resume_target(state))]
        case c.FailContract():
            return [e.ContractFailed(command.reason)]
        case c.ReopenContract():
            return [e.ContractReopened(command.reason, *resume_target(state))]
        case c.ArchiveContract():
            return [e.ContractArchived()]
        case c.DeleteContract():
            return [e.ContractDeleted()]
        case c.AssignContract():
            return moves.assign(state, command)
        case c.AwaitConfirmation():
            return moves.await_confirmation(state, command)
        case c.StartCompletion():
            return moves.start_completion(state, command)
        case c.AbortCompletion():
            return [moves.aborted(state, command.reason)]
        case c.FinishCompletion():
            return [e.ContractCompleted(command.completed_by)]
        case c.CompleteContract():
            return [e.ContractCompleted("request")]
        case c.ChangePhase():
            return phases.change_phase(state, command)
        case c.RecordValidation():
            return phases.record_validation(state, command)
        case c.SetPhaseGuard():
            return phases.set_phase_guard(state, command)
        case c.SetAutoComplete():
            return phases.set_auto_complete(state, command)
        case c.CompleteDeliverable():
            return work.complete_deliverable(state, command)
        case c.CreateTask():
            return _new_work(
                state,
                work.create_task(state, command),
                "a task was created",
                counts=not command.is_supervisor,
            )
        case c.ClaimTask():
            return work.claim_task(state, command, call)
        case c.StartTask():
            return work.start_task(state, command, call)
        case c.ReleaseTask():
            return work.release_task(state, command, call)
        case c.CompleteTask():
            return work.complete_task(state, command, call)
        case c.HandOffTask():
            return _new_work(state, work.hand_off_task(state, command, call), "a task was handed off")
        case c.ReturnTasks():
            return work.return_tasks(state, command)
        case c.FollowSupervisor():
            return work.follow_supervisor(state, command)
        case c.AskQuestion():
            return _new_work(state, questions.ask(state, command), "a question was asked")
        case c.AnswerQuestion():
            return questions.answer(state, command)
        case c.SendMessage():
            return questions.send(command)


def _new_work(
    before: Contract, events: list[ContractEvent], reason: str, *, counts: bool = True
) -> list[ContractEvent]:
    """Adds the abort of a running completion to `events`, the events of new work.

    `reason` is recorded in `CompletionAborted`. `counts` is False for a supervisor task: it is not work
    (gates ignore it, too), and a supervisor that registers must not abort a completion.
    """
    return [*events, *moves.new_work_aborts(before, _after(before, events), reason)] if counts else events


def _ended_with(before: Contract, events: list[ContractEvent]) -> list[ContractEvent]:
    """What ends with the contract if `events` end it: the supervisor's own task."""
    if before.status in TERMINAL_STATUSES:
        return []
    status = _after(before, events).status
    return work.end_supervisor_tasks(before, status) if status in TERMINAL_STATUSES else []


def _after(state: Contract, events: Iterable[ContractEvent]) -> Contract:
    """The state after all of `events`."""
    return reduce(evolve, events, state)
