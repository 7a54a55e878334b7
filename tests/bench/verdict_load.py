"""How many senders beat how often, and how many of them die when, where verdicts are measured."""

from dataclasses import dataclass, replace

from makima_schemas.identity import agent_id

RATE = 30_000
ROLE = "coder"


@dataclass(frozen=True, slots=True)
class Load:
    """`trickle` senders die one after the other over `over` seconds, then `burst` at once. With `agents`, every
    second sender is an agent, else all are supervisors.
    """

    senders: int
    timeout: float
    trickle: int
    over: float
    burst: int
    agents: bool = False

    @property
    def interval(self) -> float:
        return self.senders / RATE

    @property
    def dying(self) -> int:
        return self.trickle + self.burst

    def ids(self, first: int, last: int) -> list[str]:
        """Those of the senders `first` … `last - 1`, as verdicts name them."""
        return [sender_id(number, agents=self.agents) for number in range(first, last)]


def is_agent(number: int, *, agents: bool) -> bool:
    return agents and number % 2 == 1


def sender_id(number: int, *, agents: bool) -> str:
    return agent_id(f"c{number}", ROLE) if is_agent(number, agents=agents) else f"t{number}"


HUNDRED_THOUSAND = Load(senders=100_000, timeout=12.0, trickle=1_000, over=20.0, burst=10_000)
HALF_AGENTS = replace(HUNDRED_THOUSAND, agents=True)
