"""How many senders beat how often, and how many of them die when, where verdicts are measured."""

from dataclasses import dataclass

RATE = 30_000


@dataclass(frozen=True, slots=True)
class Load:
    """`trickle` senders die one after the other over `over` seconds, then `burst` at once."""

    senders: int
    timeout: float
    trickle: int
    over: float
    burst: int

    @property
    def interval(self) -> float:
        return self.senders / RATE

    @property
    def dying(self) -> int:
        return self.trickle + self.burst


HUNDRED_THOUSAND = Load(senders=100_000, timeout=12.0, trickle=1_000, over=20.0, burst=10_000)
