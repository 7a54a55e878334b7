"""How many senders one daemon may have, and how many new connections: what it invents does not fill the log.

Only new ones are refused. A sender that is known, in the log or by a heartbeat, is never refused and never dies of a
limit; a known one under a new connection waits for its turn to be recorded, as after any change too many.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from makima_schemas.heartbeat_codec import Address

from makima_supervisor_heartbeat.domain.sender import OverLimit, Sender, has_left

REFILL_SECONDS: Final = 3600.0  # in which all new connections of the limit are allowed again
EPISODE_SECONDS: Final = 60.0  # without a refusal: then the next one begins another episode
SWEEP_SECONDS: Final = 10.0  # between two looks for senders that have left, of a daemon that has too many
# Dead letters of one episode; the rest is counted. They tell the same, and would push out those of others.
MAX_DEAD_LETTERS_PER_EPISODE: Final = 1000

Exceeded = Literal["senders", "connections"]


class Limits(msgspec.Struct, frozen=True):
    """For each daemon."""

    senders: int = 5_000  # supervisors and agents that it has at once
    new_connections: int = 10_000  # of its senders, at once and then per hour
    # Senders that were not heard for so long do not count as its own any more.
    left_after_seconds: float = 600.0


class Refusal(msgspec.Struct, frozen=True):
    reason: str
    is_kept: bool  # as a dead letter; False: it is only counted


class _Load(msgspec.Struct):
    """What one daemon takes."""

    connections: float  # that it may still make
    since_ns: int  # when that was computed, Unix ns
    senders: set[str] = msgspec.field(default_factory=set[str])  # streams
    swept_ns: int = 0
    refused_ns: int = 0  # when a sender was refused last
    letters: int = 0  # dead letters of this episode


class DaemonLimits:
    """The load of every daemon that has senders. `senders` are the cached ones, by stream."""

    def __init__(self, senders: Mapping[str, Sender], limits: Limits) -> None:
        self._senders, self._limits = senders, limits
        self._loads: dict[str, _Load] = {}
        self._refused = Counter[Exceeded]()
        self._over: dict[str, OverLimit] = {}
        self._begun: dict[str, str] = {}

    def count(self, address: Address, now_ns: int) -> None:
        """Count a known sender, which is never refused, as one of its daemon's."""
        if address.daemon_id is not None and address.kind != "daemon":
            self._load(address.daemon_id, now_ns).senders.add(address.sender)

    def refuses(self, address: Address, now_ns: int) -> Refusal | None:
        """Why a sender that is not known yet is refused; None: it is counted as one of its daemon's."""
        daemon_id = address.daemon_id
        if daemon_id is None or address.kind == "daemon":
            return None
        load = self._load(daemon_id, now_ns)
        if len(load.senders) >= self._limits.senders:
            self._sweep(daemon_id, load, now_ns)
        if len(load.senders) >= self._limits.senders:
            reason = f"daemon {daemon_id} has {len(load.senders)} senders: [quotas] senders_per_daemon"
            return self._refuse(daemon_id, load, now_ns, "senders", reason)
        if not self._spend(load, now_ns):
            reason = (
                f"daemon {daemon_id} made too many new connections: [quotas] new_connections_per_daemon, "
                f"{self._limits.new_connections} an hour"
            )
            return self._refuse(daemon_id, load, now_ns, "connections", reason)
        load.senders.add(address.sender)
        return None

    def connects(self, daemon_id: str, now_ns: int) -> bool:
        """False if a known sender's new connection is to be recorded later."""
        return self._spend(self._load(daemon_id, now_ns), now_ns)

    def take_refused(self) -> Mapping[Exceeded, int]:
        """How many heartbeats of new senders were refused since the last call."""
        refused, self._refused = self._refused, Counter[Exceeded]()
        return refused

    def take_over(self) -> Mapping[str, OverLimit]:
        """By id, the daemons of which senders were refused since the last call."""
        over, self._over = self._over, {}
        return over

    def take_begun(self) -> Mapping[str, str]:
        """By id, the daemons for which an episode of refusals began since the last call, with the first reason."""
        begun, self._begun = self._begun, {}
        return begun

    def _load(self, daemon_id: str, now_ns: int) -> _Load:
        load = self._loads.get(daemon_id)
        if load is None:
            load = self._loads[daemon_id] = _Load(self._limits.new_connections, now_ns)
        return load

    def _spend(self, load: _Load, now_ns: int) -> bool:
        most = self._limits.new_connections
        if now_ns > load.since_ns:
            refilled = (now_ns - load.since_ns) / 1e9 * most / REFILL_SECONDS
            load.connections, load.since_ns = min(load.connections + refilled, most), now_ns
        if load.connections < 1:
            return False
        load.connections -= 1
        return True

    def _sweep(self, daemon_id: str, load: _Load, now_ns: int) -> None:
        """Forget senders that have ended, fell silent or moved to another daemon."""
        if 0 <= now_ns - load.swept_ns < SWEEP_SECONDS * 1e9:
            return
        load.swept_ns = now_ns
        before_ns = now_ns - int(self._limits.left_after_seconds * 1e9)
        load.senders = {
            stream
            for stream in load.senders
            if (sender := self._senders.get(stream)) is not None
            and not has_left(sender, daemon_id, before_ns)
        }

    def _refuse(self, daemon_id: str, load: _Load, now_ns: int, exceeded: Exceeded, reason: str) -> Refusal:
        if load.refused_ns == 0 or now_ns - load.refused_ns > EPISODE_SECONDS * 1e9:
            load.letters = 0
            self._begun[daemon_id] = reason
        load.refused_ns = max(now_ns, load.refused_ns)
        self._refused[exceeded] += 1
        self._over[daemon_id] = OverLimit(reason, now_ns)
        load.letters += 1
        return Refusal(reason, load.letters <= MAX_DEAD_LETTERS_PER_EPISODE)
