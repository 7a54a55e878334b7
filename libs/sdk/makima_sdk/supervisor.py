"""A supervisor's voice: what it is doing, said to makima by heartbeats under one connection id."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from makima_schemas import subjects
from makima_schemas.heartbeat import MAX_ACTIVITY, SupervisorHeartbeat
from makima_schemas.heartbeat_codec import decode_supervisor
from makima_schemas.supervisor import SupervisorState
from nats.aio.client import Client

from makima_sdk.heartbeater import DEFAULT_INTERVAL_SECONDS, Heartbeater


@dataclass(frozen=True, slots=True)
class HeartbeatContent:
    """What the next heartbeats say; `progress` is 0–100."""

    phase: str
    state: SupervisorState = SupervisorState.INITIALIZING
    activity: str = ""
    progress: int = 0
    pending_task_ids: tuple[str, ...] = ()


class Supervisor:
    """One incarnation of the agent behind a supervisor task. A restarted process is a new `Supervisor`: its new
    `connection_id` fences the old one off. Raises `ValueError` for ids that are none.
    """

    def __init__(
        self, nats: Client, *, daemon_id: str, contract_id: str, task_id: str, phase: str, interval: float = DEFAULT_INTERVAL_SECONDS
    ) -> None:
        self.contract_id = contract_id
        self.task_id = task_id
        self.connection_id = str(uuid4())
        self.content = HeartbeatContent(phase)
        self._check(self.content)
        self._heartbeater = Heartbeater(nats, subjects.supervisor_heartbeat(daemon_id, task_id), self._compose, interval=interval)

    def report(
        self,
        state: SupervisorState | None = None,
        *,
        phase: str | None = None,
        activity: str | None = None,
        progress: int | None = None,
        pending_task_ids: tuple[str, ...] | None = None,
    ) -> None:
        """Change what the heartbeats say; what is left out stays. A change is sent at once, a repeat is not.

        Raises `ValueError`, and changes nothing, for what the recorder would set aside: a sender of that is called dead. Of an
        activity that is too long, the first 2 000 characters are said.
        """
        now = self.content
        said = replace(
            now,
            state=now.state if state is None else state,
            phase=now.phase if phase is None else phase,
            activity=now.activity if activity is None else activity[:MAX_ACTIVITY].replace("\0", ""),
            progress=now.progress if progress is None else progress,
            pending_task_ids=now.pending_task_ids if pending_task_ids is None else pending_task_ids,
        )
        if said != now:
            self._check(said)
            self.content = said
            self._heartbeater.beat_now()

    async def run(self) -> None:
        """Beat until cancelled."""
        await self._heartbeater.run()

    async def beat(self) -> bool:
        """One heartbeat now: a last word before leaving. Whether there was a connection to say it on."""
        return await self._heartbeater.beat()

    def _check(self, said: HeartbeatContent) -> None:
        """As the recorder will."""
        decode_supervisor(self.task_id, msgspec.json.encode(self._heartbeat(said, 1, datetime.now(UTC))), None)

    def _compose(self, seq: int, timestamp: datetime) -> SupervisorHeartbeat:
        return self._heartbeat(self.content, seq, timestamp)

    def _heartbeat(self, said: HeartbeatContent, seq: int, timestamp: datetime) -> SupervisorHeartbeat:
        return SupervisorHeartbeat(
            task_id=self.task_id,
            contract_id=self.contract_id,
            state=said.state,
            phase=said.phase,
            timestamp=timestamp,
            current_activity=said.activity,
            progress=said.progress,
            pending_task_ids=said.pending_task_ids,
            connection_id=self.connection_id,
            seq=seq,
        )
