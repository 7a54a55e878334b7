"""Asks every replica of every service how it is, and remembers who answered: one that stops answering is shown."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final

import structlog
from makima_schemas import subjects
from makima_schemas.codec import adapter
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError

# How long a round listens for replicas that nobody has heard of yet.
SETTLE_SECONDS: Final = 0.3
# How long it waits for one that answered the last round: longer than its checks may take.
ANSWER_SECONDS: Final = 2.8
# How long one that stopped answering is still shown.
REMEMBERED_SECONDS: Final = 300.0
MAX_REPLICAS: Final = 1000


@dataclass(frozen=True, slots=True)
class ReplicaAnswer:
    """What a replica says of itself (`makima_kernel.service.replica_status`)."""

    service: str
    replica: str
    pid: int
    host: str
    since: datetime
    version: str
    ready: bool
    failing: dict[str, str]
    shared: dict[str, str]
    warnings: dict[str, str]
    figures: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class SeenReplica:
    """The newest answer of a replica, and for how many seconds it has given none (0: it just answered)."""

    answer: ReplicaAnswer
    silent_seconds: float

    @property
    def ready(self) -> bool:
        return self.answer.ready and not self.silent_seconds

    @property
    def failing(self) -> Mapping[str, str]:
        if not self.silent_seconds:
            return self.answer.failing
        return {**self.answer.failing, "answer": f"did not answer for {self.silent_seconds:.0f} s"}


class Replicas:
    """Rounds of questions. Whoever asks during a round gets the result of that round."""

    def __init__(self, nats: Client, services: Collection[str] = ()) -> None:
        """`services`: names of those that the first round waits for, as nobody has answered before it."""
        self._nats = nats
        self._new = frozenset(services)
        self._inbox: Subscription | None = (
            None  # of all rounds, so that nobody's answer comes too late for good
        )
        self._heard: dict[str, tuple[float, ReplicaAnswer]] = {}  # by replica; when, on the monotonic clock
        self._answered: set[str] = set()  # replicas that answered the last round, or too late for it
        self._round: asyncio.Task[list[SeenReplica]] | None = None

    async def now(self) -> list[SeenReplica]:
        """All replicas that answer, and those that did within the last five minutes, by service and start.

        Takes at least `SETTLE_SECONDS`. Raises nats-py's errors if the broker is away.
        """
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._ask(), name="status round")
            self._round.add_done_callback(_retrieve)
        return await asyncio.shield(self._round)

    async def _ask(self) -> list[SeenReplica]:
        if self._inbox is None:
            self._inbox = await self._nats.subscribe(self._nats.new_inbox())
        while self._inbox.pending_msgs:
            self._note(await self._inbox.next_msg())  # too late for the round before: this one waits for it
        began = monotonic()
        expected, self._answered = self._answered, set[str]()
        await self._nats.publish(subjects.STATUS, reply=self._inbox.subject)
        while (left := self._left(began, expected)) > 0:
            with suppress(TimeoutError):
                self._note(await self._inbox.next_msg(timeout=left))
        self._new = frozenset[str]()
        now = monotonic()
        self._heard = {
            name: heard for name, heard in self._heard.items() if now - heard[0] < REMEMBERED_SECONDS
        }
        seen = [
            SeenReplica(answer, 0.0 if name in self._answered else now - at)
            for name, (at, answer) in self._heard.items()
        ]
        return sorted(seen, key=lambda one: (one.answer.service, one.answer.since, one.answer.replica))

    def _left(self, began: float, expected: set[str]) -> float:
        """How many more seconds this round listens."""
        services = {self._heard[name][1].service for name in self._answered}
        missing = not expected <= self._answered or not self._new <= services
        return began + (ANSWER_SECONDS if missing else SETTLE_SECONDS) - monotonic()

    def _note(self, message: Msg) -> None:
        try:
            answer: ReplicaAnswer = adapter(ReplicaAnswer).validate_json(message.data)
        except ValidationError as error:
            structlog.get_logger().warning("status.unreadable_answer", reason=str(error)[:500])
            return
        if answer.replica in self._heard or len(self._heard) < MAX_REPLICAS:
            self._heard[answer.replica] = (monotonic(), answer)
            self._answered.add(answer.replica)


def _retrieve(done: asyncio.Task[list[SeenReplica]]) -> None:
    """Whoever asked may be gone, as at a stop: then an error of the round is nobody's, and no traceback."""
    if not done.cancelled():
        done.exception()
