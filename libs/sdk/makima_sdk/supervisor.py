"""A supervisor over HTTP: beats, saves its state, and goes on from it after its machine was lost."""

import os
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self
from uuid import uuid4

from makima_schemas.heartbeat import MAX_ACTIVITY
from makima_schemas.supervisor import SupervisorState
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_sdk.agent_process import AgentProcess
from makima_sdk.agents import SenderAnswer
from makima_sdk.connection import Connection
from makima_sdk.daemon_signals import keep_listening
from makima_sdk.http import Http
from makima_sdk.local_socket import ENVIRONMENT as DAEMON_SOCKET
from makima_sdk.models import Question, read
from makima_sdk.paths import path
from makima_sdk.problems import MakimaError
from makima_sdk.saves import Saves
from makima_sdk.supervised_contracts import SupervisedContracts

FINAL_BEAT_SECONDS: Final = 5.0  # for how long it tries to tell its last state

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a supervisor saved, as makima hands it to the process that takes over (interfaces.md, restore).

    `outcome`: `resumed` (all of it), `from_checkpoint` (what came after the checkpoint is damaged), `fresh`
    (nothing was saved, or nothing of it can be trusted: `warning` says so). `cursor` leads to the history that
    was left out, by `GET …/supervisor/state`.
    """

    outcome: str
    task_id: str | None = None
    warning: str | None = None
    state: str | None = None
    phase: str | None = None
    progress: int | None = None
    current_activity: str | None = None
    conversation_history: tuple[Json, ...] = ()
    pending_questions: tuple[Json, ...] = ()
    spawned_task_ids: tuple[str, ...] = ()
    waiting_on_task_ids: tuple[str, ...] = ()
    # `checkpoint` is what was saved, `version` and `saved_at` which one it is.
    last_checkpoint: Json | None = None
    error: str | None = None
    context: str | None = None  # the same in words, for the model
    truncated: bool = False
    cursor: str | None = None
    created_at: datetime | None = None  # of the first save
    updated_at: datetime | None = None  # of the newest one, or of the newest heartbeat


@dataclass(frozen=True, slots=True)
class _Content:
    state: SupervisorState
    phase: str
    activity: str = ""
    progress: int = 0
    pending_task_ids: tuple[str, ...] = ()


class Supervisor(AgentProcess):
    """One process of the supervisor of a contract. Use it as an async context manager.

    ```python
    supervisor = await Supervisor.restore("c1", daemon_id="d1")  # or Supervisor("c1", daemon_id="d1")
    async with supervisor:
        supervisor.report("working", activity="plans")
        await supervisor.save.conversation([{"role": "user", "content": "go on"}])
        answer = await supervisor.ask("Which database?")
        supervisor.report("completed")
    ```

    It beats from entry to exit, as an `Agent` does; it does not join. The daemon that holds the contract, or is to
    hold it, is named by `daemon_id`. A state reported last is told before it ends. By `daemon_socket`, a path, the
    daemon that runs this process asks it for a heartbeat.

    It saves by itself what it does through this object: tasks that it creates and questions that it asks (`contracts`,
    `ask`), the phase and the tasks that it waits for (`report`, `contracts.change_phase`). These saves wait for nothing;
    one that is refused comes as the signal `refused`. What a heartbeat tells is saved by it. The conversation and
    checkpoints are the program's (`save`).
    """

    def __init__(
        self,
        contract_id: str,
        connection: Connection | None = None,
        connection_id: str | None = None,
        *,
        daemon_id: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        task_id: str | None = None,
        phase: str = "",
        restored: Restoration | None = None,
        daemon_socket: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(
            contract_id, SUPERVISOR_ROLE, connection, connection_id, daemon_id=daemon_id, spool=spool
        )
        self.task_id = task_id
        self.restored = restored  # null: it starts anew
        self._daemon_socket = daemon_socket
        waits_for = () if restored is None else restored.waiting_on_task_ids
        self._content = _Content(SupervisorState.INITIALIZING, phase, pending_task_ids=waits_for)
        self._told: _Content | None = None  # in the newest heartbeat that was acknowledged
        self._saved = self._content  # as far as its phase and its tasks go
        self._saves: Saves | None = None  # None: it has not begun

    @classmethod
    def default(cls, *, environ: Mapping[str, str] | None = None) -> Self:
        """The supervisor that the environment names, as a daemon starts it: see `Agent.default`; and `MAKIMA_TASK`."""
        env = os.environ if environ is None else environ
        return cls(
            env["MAKIMA_CONTRACT"],
            Connection.default(environ=env),
            env.get("MAKIMA_CONNECTION_ID"),
            daemon_id=env.get("MAKIMA_DAEMON"),
            spool=env.get("MAKIMA_SPOOL"),
            task_id=env.get("MAKIMA_TASK"),
            daemon_socket=env.get(DAEMON_SOCKET),
        )

    @classmethod
    async def restore(
        cls,
        contract_id: str,
        connection: Connection | None = None,
        connection_id: str | None = None,
        *,
        daemon_id: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        task_id: str | None = None,
    ) -> Self:
        """The supervisor that goes on from what was saved; its attribute `restored` tells it. It is in force once it
        has beaten: until then the old process, if it speaks first, wins it back.

        What is left out is as the environment says, where that is of this contract: a daemon that starts a
        supervisor gives it a connection, and a token for that one alone. Raises `ProblemError`: `SUPERSEDED` if
        another daemon holds the contract and lives.
        """
        env: Mapping[str, str] = os.environ if os.environ.get("MAKIMA_CONTRACT") == contract_id else {}
        reached = connection or Connection.default()
        new_id = connection_id or env.get("MAKIMA_CONNECTION_ID") or str(uuid4())
        daemon_id = daemon_id or env.get("MAKIMA_DAEMON")
        task_id = task_id or env.get("MAKIMA_TASK")
        spool = spool or env.get("MAKIMA_SPOOL")
        named = {"daemon_id": daemon_id, "connection_id": new_id, "task_id": task_id}
        body = {name: value for name, value in named.items() if value is not None}
        # The restoration fences the process of before: what it left behind is said first, and then part of what is restored.
        earlier = cls(contract_id, reached, new_id, daemon_id=daemon_id, spool=spool, task_id=task_id)
        await earlier.deliver_earlier()
        async with Http(reached.url, reached.token) as http:
            answer = await http.send("POST", path("contracts", contract_id, "supervisor", "restore"), body)
        restored = read(Restoration, answer.body)
        return cls(
            contract_id,
            reached,
            new_id,
            daemon_id=daemon_id,
            spool=spool,
            task_id=restored.task_id or task_id,
            phase=restored.phase or "",
            restored=restored,
            daemon_socket=env.get(DAEMON_SOCKET),
        )

    def report(
        self,
        state: SupervisorState | str | None = None,
        *,
        phase: str | None = None,
        activity: str | None = None,
        progress: int | None = None,
        pending_task_ids: tuple[str, ...] | None = None,
    ) -> None:
        """Change what the heartbeats tell; what is left out keeps its value. A change is sent at once, if the last
        heartbeat is a second ago. Another phase, and other tasks that it waits for, are saved, too.

        Raises `ValueError`, and changes nothing, for a value that makima would refuse; `SpoolError` for a save that
        cannot be kept.
        """
        now = self._content
        changed = replace(
            now,
            state=now.state if state is None else _reportable(state),
            phase=now.phase if phase is None else phase,
            activity=now.activity if activity is None else activity[:MAX_ACTIVITY].replace("\0", ""),
            progress=now.progress if progress is None else progress,
            pending_task_ids=now.pending_task_ids if pending_task_ids is None else pending_task_ids,
        )
        if not 0 <= changed.progress <= 100:
            raise ValueError(f"progress {progress} is no percentage: give 0 to 100")
        if changed != now:
            self._content = changed
            self._session.beat_now()
            self._save_changes()

    def _opened(self) -> None:
        self.save = self._saves = Saves(self.contract_id, self.connection_id, self.task_id, self._outbox)
        self._session.handlers.add("refused", self.save.forget_refused)
        self.contracts = self._supervised = SupervisedContracts(
            self._requests, self.contract_id, self._keep, lambda phase: self.report(phase=phase)
        )
        self._save_changes()
        if self._daemon_socket is not None:
            handlers = {"sync": self._session.beat_now}
            listening = keep_listening(self._daemon_socket, self.contract_id, self.role, handlers)
            self._session.keep(listening, "signals")

    def _answered(self, question: Question) -> None:
        self._supervised.note(question)

    def _save_changes(self) -> None:
        now, before = self._content, self._saved
        if self._saves is None:
            return
        if now.phase and now.phase != before.phase:
            self._keep("phase", {"phase": now.phase})
        if now.pending_task_ids != before.pending_task_ids:
            self._keep("waiting_on", {"task_ids": list(now.pending_task_ids)})
        self._saved = now

    def _keep(self, kind: str, content: Json) -> None:
        """Save it, unless this process may not act any more or the one before it saved the same."""
        if self._saves is None or self._session.lost.is_set() or _is_restored(self.restored, kind, content):
            return
        self._saves.keep(kind, content)

    async def _join(self) -> SenderAnswer:
        return await self._beat()

    def _join_as(self, connection_id: str) -> Awaitable[SenderAnswer]:
        return self._agents.supervisor_heartbeat(
            self.contract_id, **{**self._members(self._content), "connection_id": connection_id}
        )

    async def _beat(self) -> SenderAnswer:
        content = self._content
        answer = await self._agents.supervisor_heartbeat(self.contract_id, **self._members(content))
        self._told = content
        return answer

    def _members(self, content: _Content) -> dict[str, object]:
        members = {
            "connection_id": self.connection_id,
            "task_id": self.task_id,
            "state": content.state,
            "phase": content.phase or None,
            "current_activity": content.activity,
            "progress": content.progress,
            "pending_task_ids": list(content.pending_task_ids),
        }
        return self._told_of_time() | {name: value for name, value in members.items() if value is not None}

    async def _leave(self) -> None:
        """The last state, if nobody was told of it."""
        if self._content != self._told:
            self._http.retry_for = FINAL_BEAT_SECONDS
            with suppress(MakimaError):
                await self._beat()


def _is_restored(restored: Restoration | None, kind: str, content: Json) -> bool:
    """The same was saved by the process before: what is created and asked under one key is there once."""
    if restored is None:
        return False
    if kind == "task_spawned":
        return content["task_id"] in restored.spawned_task_ids
    known = {question.get("question_id") for question in restored.pending_questions}
    return kind == "question" and "answer" not in content and content["question_id"] in known


def _reportable(state: SupervisorState | str) -> SupervisorState:
    """Raises `ValueError` for a state that is a verdict, which no supervisor tells of itself."""
    wanted = SupervisorState(state)
    if wanted is SupervisorState.INTERRUPTED:
        raise ValueError("a supervisor cannot report the state interrupted: makima finds out")
    return wanted
