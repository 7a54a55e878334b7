"""Who of many readers has to wake for an event: with thousands that each watch one contract, waking all for each event is all one does."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Ear:
    """One reader. `contract_ids`: what it listens for (null: everything); `first`: the first position since it last looked that it
    has to hear. A reader that had heard all when it fell asleep, and wakes, has missed nothing before that one.
    """

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    contract_ids: frozenset[str] | None = None
    first: int | None = None

    def look(self) -> None:
        """From now on `first` counts anew."""
        self.wake.clear()
        self.first = None


class Ears:
    """Found by contract; a page costs what it concerns, not what there are."""

    def __init__(self) -> None:
        self._all: set[Ear] = set()
        self._of_everything: set[Ear] = set()
        self._of: defaultdict[str, set[Ear]] = defaultdict(set)

    def listen(self, ear: Ear, contract_ids: frozenset[str] | None) -> None:
        """From now on for these contracts, whatever it was before."""
        self.leave(ear)
        ear.contract_ids = contract_ids
        self._all.add(ear)
        if contract_ids is None:
            self._of_everything.add(ear)
        for contract_id in contract_ids or ():
            self._of[contract_id].add(ear)

    def leave(self, ear: Ear) -> None:
        self._all.discard(ear)
        self._of_everything.discard(ear)
        for contract_id in ear.contract_ids or ():
            if contract_id in self._of:
                self._of[contract_id].discard(ear)
                if not self._of[contract_id]:
                    del self._of[contract_id]

    def tell(self, page: Iterable[tuple[int, str]]) -> None:
        """Positions, in order, and whose they are."""
        everybody = False
        for position, contract_id in page:
            for ear in self._of.get(contract_id, ()) if everybody else (*self._of.get(contract_id, ()), *self._of_everything):
                if ear.first is None:
                    ear.first = position
                ear.wake.set()
            everybody = True

    def wake_all(self) -> None:
        """For another reason than an event."""
        for ear in self._all:
            ear.wake.set()
