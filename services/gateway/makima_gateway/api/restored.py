"""Makes the answer to a restoration from the log, the read model and the supervisor's latest heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, cast

import orjson
from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.contract.model import QuestionType, TaskStatus
from makima_schemas.envelope import Recorded
from makima_schemas.identity import stream_name
from makima_schemas.saved_state import SavedHistory
from makima_schemas.supervisor import (
    RestorationRequested,
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
)

from makima_gateway.api.context import Gateway
from makima_gateway.api.schemas.saved_state import (
    Json,
    LastCheckpoint,
    PendingQuestion,
    RestoredSupervisor,
)
from makima_gateway.api.supervisor_heartbeats import last_heartbeat
from makima_gateway.http import pagination as cursors
from makima_gateway.read_model.history import pages
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat
from makima_gateway.read_model.rows import ContractRow, QuestionRow

MAX_QUESTIONS: Final = 200
_FINISHED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})
_LAST_STATE: Final = frozenset({"SupervisorRegistered", "SupervisorStateChanged", "RestorationRequested"})


@dataclass(slots=True)
class SupervisorStream:
    """What a supervisor's stream says."""

    history: SavedHistory = field(default_factory=SavedHistory)
    state: str = SupervisorState.INITIALIZING.value  # the last one that a heartbeat told
    phase: str = ""
    heard_at: datetime | None = None  # when that was recorded
    # By the version of a save of the phase: the one that the heartbeats told then.
    heard_when_saved: dict[int, str] = field(default_factory=dict[int, str])
    requested: RestorationRequested | None = None  # the newest restoration with the connection asked for
    broken_version: int | None = None  # where the chain was broken when it was requested

    def apply(self, recorded: Recorded, connection_id: str) -> None:
        if recorded.type not in _LAST_STATE:
            self.history.apply(recorded)
            if self.history.state.phase_version == recorded.version:
                self.heard_when_saved[recorded.version] = self.phase
            return
        match decode(recorded.type, recorded.schema, recorded.data):
            case SupervisorRegistered(state=state, phase=phase):
                self.state, self.phase, self.heard_at = state.value, phase, recorded.recorded_at
            case SupervisorStateChanged(new_state=state, phase=phase, changed_by="heartbeat"):
                self.state, self.phase, self.heard_at = state.value, phase, recorded.recorded_at
            case RestorationRequested() as requested:
                if requested.connection_id == connection_id:
                    self.requested, self.broken_version = requested, self.history.break_version
                self.history.apply(recorded)
            case _:
                pass


async def read_stream(log: Log, tenant: str, task_id: str, connection_id: str) -> SupervisorStream:
    """Reads the whole stream, page by page."""
    found = SupervisorStream()
    async for events in pages(log, tenant, stream_name("supervisor", task_id), 0, None):
        for recorded in events:
            found.apply(recorded, connection_id)
    return found


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What bears on the answer besides the supervisor's stream."""

    contract: ContractRow
    open_questions: list[QuestionRow]
    answered: frozenset[str]  # ids of questions that were saved as pending and are answered
    tasks: Mapping[str, TaskStatus]  # those that were saved, by id
    latest: LatestHeartbeat | None


async def restoration(
    gateway: Gateway, tenant: str, contract: ContractRow, task_id: str, connection_id: str
) -> RestoredSupervisor:
    """The answer to the restoration of a supervisor under this connection, as the log and the read model are now."""
    found, queries = await read_stream(gateway.log, tenant, task_id, connection_id), gateway.queries
    saved = found.history.state
    around = Surroundings(
        contract,
        await queries.open_questions(tenant, contract.id, MAX_QUESTIONS),
        await queries.answered_questions(tenant, contract.id, list(saved.questions)),
        await queries.statuses_of_tasks(
            tenant, contract.id, [*saved.spawned_task_ids, *saved.waiting_on_task_ids]
        ),
        await last_heartbeat(gateway, contract.id, task_id),
    )
    return restored(task_id, found, around)


def restored(task_id: str, found: SupervisorStream, around: Surroundings) -> RestoredSupervisor:
    """The answer: fresh, or the state with what happened meanwhile."""
    history, saved = found.history, found.history.state
    outcome = "resumed" if found.requested is None else found.requested.outcome
    heartbeat = _newer_heartbeat(found, around.latest)
    questions = _pending(found, around)
    waiting = [each for each in saved.waiting_on_task_ids if around.tasks.get(each) not in _FINISHED]
    state = SupervisorState.INITIALIZING.value if outcome == "fresh" else found.state
    if questions:
        state = SupervisorState.WAITING_FOR_USER.value
    elif waiting:
        state = SupervisorState.WAITING_FOR_TASKS.value
    checkpoint = saved.checkpoint
    answer = RestoredSupervisor(
        task_id=task_id,
        outcome=outcome,
        warning=_warning(found),
        state=state,
        phase=around.contract.phase if outcome == "fresh" else _phase(found, around),
        progress=cast("int | None", heartbeat.get("progress", saved.progress)),
        current_activity=cast("str | None", heartbeat.get("activity", saved.activity)),
        conversation_history=[
            message
            for save in history.conversation
            for message in cast("dict[str, list[Json]]", orjson.loads(save.content))["messages"]
        ],
        truncated=history.truncated,
        cursor=cursors.encode("state", 0 if checkpoint is None else checkpoint.version)
        if history.truncated
        else None,
        pending_questions=questions,
        spawned_task_ids=list(saved.spawned_task_ids),
        waiting_on_task_ids=waiting,
        last_checkpoint=None
        if checkpoint is None
        else LastCheckpoint(
            checkpoint.version, checkpoint.saved_at, cast("Json", orjson.loads(checkpoint.content))
        ),
        error=saved.error,
        context="",
        created_at=saved.created_at,
        updated_at=around.latest.at if heartbeat and around.latest is not None else saved.updated_at,
    )
    return _with_context(answer, around)


def _newer_heartbeat(found: SupervisorStream, latest: LatestHeartbeat | None) -> Mapping[str, object]:
    """The newest heartbeat is a light save: it counts if it came after the newest one."""
    if latest is None or latest.at is None or found.history.saves == 0:
        return {}
    updated = found.history.state.updated_at
    newer = {name: latest.heartbeat.get(name) for name in ("activity", "progress")}
    return (
        {name: value for name, value in newer.items() if value}
        if updated is None or latest.at > updated
        else {}
    )


def _phase(found: SupervisorStream, around: Surroundings) -> str:
    """The one that was saved, unless its heartbeats have told another since: an event tells of a change of state alone,
    so that of a phase may stand in the newest heartbeat only.
    """
    saved, heard, latest = found.history.state, found.phase, around.latest
    if (
        latest is not None
        and latest.at is not None
        and (found.heard_at is None or latest.at > found.heard_at)
    ):
        heard = cast("str | None", latest.heartbeat.get("phase")) or heard
    if saved.phase is None or heard != found.heard_when_saved.get(saved.phase_version, heard):
        return heard or saved.phase or around.contract.phase
    return saved.phase


def _pending(found: SupervisorStream, around: Surroundings) -> list[PendingQuestion]:
    """The open questions of the contract, and those that the supervisor saved and the contract does not know."""
    pending = [
        PendingQuestion(
            row.question, row.id, row.question_type, cast("list[str]", orjson.loads(row.options)) or None
        )
        for row in around.open_questions
    ]
    known = {each.question_id for each in pending} | around.answered
    for key, question in found.history.state.questions.items():
        question_id = cast("str | None", question.get("question_id"))
        if question_id not in known or question_id is None:
            kind = cast("QuestionType", question.get("question_type") or "text")
            options = cast("list[str] | None", question.get("options"))
            pending.append(PendingQuestion(str(question.get("question") or key), question_id, kind, options))
    return pending


def _warning(found: SupervisorStream) -> str | None:
    requested = found.requested
    if requested is None or requested.outcome == "resumed":
        return None
    if found.broken_version is None:
        return "nothing was saved: the supervisor begins anew"
    where = f"the save at version {found.broken_version} of the supervisor's stream is not what was saved"
    if requested.outcome == "from_checkpoint":
        return f"{where}; it goes on from the newest checkpoint before, without what came after"
    return f"{where}, and there is no checkpoint before it: the supervisor begins anew"


def _with_context(answer: RestoredSupervisor, around: Surroundings) -> RestoredSupervisor:
    contract = around.contract
    finished = [each for each in answer.spawned_task_ids if around.tasks.get(each) in _FINISHED]
    lines = [
        f"You supervise the contract {contract.name!r} ({contract.id}), in the phase {answer.phase}; its status is {contract.status}.",
        answer.warning or "You go on where the process before you stopped.",
        _line("You were doing", answer.current_activity),
        _line("The last error was", answer.error),
        _line("Waiting for the answer of a person to", [each.question for each in answer.pending_questions]),
        _line("Waiting for the tasks", answer.waiting_on_task_ids),
        _line("Of the tasks that you spawned, finished are", finished),
        "Older messages than those shown were left out." if answer.truncated else "",
    ]
    return replace(answer, context=" ".join(filter(None, lines)))


def _line(words: str, what: str | list[str] | None) -> str:
    if not what:
        return ""
    return f"{words}: {what if isinstance(what, str) else ', '.join(what)}."
