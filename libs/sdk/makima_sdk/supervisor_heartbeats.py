"""Sends a supervisor's heartbeats over NATS under one connection id, for a daemon that is connected there."""

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
    """The content of the next heartbeats."""

    phase: str
    state: SupervisorState = SupervisorState.INITIALIZING
    activity: str = ""  # what it is doing, for people; at most 2 000 characters
    progress: int = 0  # percent, 0 to 100
    pending_task_ids: tuple[str, ...] = ()  # tasks that it waits for
    quiet_until: datetime | None = None  # it announces to be silent until then


class SupervisorHeartbeats:
    """One incarnation of the agent that works on a supervisor task. Create another after a
    restart: its new `connection_id` is a fencing token, so that heartbeats of the old process no longer
    count.

    `interval` is the time between heartbeats in seconds. Raises `ValueError` for malformed ids.
    """

    def __init__(
        self,
        nats: Client,
        *,
        daemon_id: str,
        contract_id: str,
        task_id: str,
        phase: str,
        interval: float = DEFAULT_INTERVAL_SECONDS,
    ) -> None:
        self.contract_id = contract_id
        self.task_id = task_id
        self.connection_id = str(uuid4())
        self.content = HeartbeatContent(phase)
        self._check(self.content)
        self._heartbeater = Heartbeater(
            nats, subjects.supervisor_heartbeat(daemon_id, task_id), self._compose, interval=interval
        )

    def report(
        self,
        state: SupervisorState | None = None,
        *,
        phase: str | None = None,
        activity: str | None = None,
        progress: int | None = None,
        pending_task_ids: tuple[str, ...] | None = None,
    ) -> None:
        """Change the content of the heartbeats; arguments that are left out keep their value. A change is
        sent at once; a call that changes nothing sends nothing.

        An activity is cut to its first 2 000 characters. Raises `ValueError`, and changes nothing, for a
        value that the recorder would reject: rejected heartbeats do not count, so that the supervisor would
        be declared dead.
        """
        now = self.content
        content = replace(
            now,
            state=now.state if state is None else state,
            phase=now.phase if phase is None else phase,
            activity=now.activity if activity is None else activity[:MAX_ACTIVITY].replace("\0", ""),
            progress=now.progress if progress is None else progress,
            pending_task_ids=now.pending_task_ids if pending_task_ids is None else pending_task_ids,
        )
        if content != now:
            self._check(content)
            self.content = content
            self._heartbeater.beat_now()

    def quiet(self, until: datetime | None) -> None:
        """Announce, with the next heartbeats, that none may come until then, by this machine's clock: it is not
        declared dead meanwhile, for at most `quiet_max_seconds`. None ends it. Raises `ValueError` for a time without
        a zone.
        """
        content = replace(self.content, quiet_until=until)
        if content != self.content:
            self._check(content)
            self.content = content
            self._heartbeater.beat_now()

    async def run(self) -> None:
        """Send heartbeats until cancelled. Raises `ConnectionClosedError` if the connection is closed for
        good.
        """
        await self._heartbeater.run()

    async def beat(self) -> bool:
        """Send one heartbeat now, for example the final state before the process ends. Returns False if it
        was not sent.
        """
        return await self._heartbeater.beat()

    def _check(self, content: HeartbeatContent) -> None:
        """Validate as the recorder does: encode a heartbeat and decode it. Raises `ValueError`."""
        decode_supervisor(
            self.task_id, msgspec.json.encode(self._heartbeat(content, 1, datetime.now(UTC))), None
        )

    def _compose(self, seq: int, timestamp: datetime) -> SupervisorHeartbeat:
        return self._heartbeat(self.content, seq, timestamp)

    def _heartbeat(self, content: HeartbeatContent, seq: int, timestamp: datetime) -> SupervisorHeartbeat:
        return SupervisorHeartbeat(
            task_id=self.task_id,
            contract_id=self.contract_id,
            state=content.state,
            phase=content.phase,
            timestamp=timestamp,
            current_activity=content.activity,
            progress=content.progress,
            pending_task_ids=content.pending_task_ids,
            connection_id=self.connection_id,
            seq=seq,
            quiet_until=content.quiet_until,
        )
