"""Who of many readers has to wake for an event: with thousands that each watch one contract, waking all for each event is all one does."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Subscription:
    """One reader. `contract_ids`: what it listens for (null: everything); `first`: the first position since it last looked that it
    has to hear. A reader that had heard all when it fell asleep, and wakes, has missed nothing before that one.
    """

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    contract_ids: frozenset[str] | None = None
    first: int | None = None

    def rearm(self) -> None:
        """From now on `first` counts anew."""
        self.wake.clear()
        self.first = None


class SubscriptionIndex:
    """Found by contract; a page costs what it concerns, not what there are."""

    def __init__(self) -> None:
        self._all: set[Subscription] = set()
        self._of_everything: set[Subscription] = set()
        self._of: defaultdict[str, set[Subscription]] = defaultdict(set)

    def subscribe(self, subscription: Subscription, contract_ids: frozenset[str] | None) -> None:
        """From now on for these contracts, whatever it was before."""
        self.unsubscribe(subscription)
        subscription.contract_ids = contract_ids
        self._all.add(subscription)
        if contract_ids is None:
            self._of_everything.add(subscription)
        for contract_id in contract_ids or ():
            self._of[contract_id].add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        self._all.discard(subscription)
        self._of_everything.discard(subscription)
        for contract_id in subscription.contract_ids or ():
            if contract_id in self._of:
                self._of[contract_id].discard(subscription)
                if not self._of[contract_id]:
                    del self._of[contract_id]

    def notify(self, page: Iterable[tuple[int, str]]) -> None:
        """Positions, in order, and whose they are."""
        everybody = False
        for position, contract_id in page:
            for subscription in self._of.get(contract_id, ()) if everybody else (*self._of.get(contract_id, ()), *self._of_everything):
                if subscription.first is None:
                    subscription.first = position
                subscription.wake.set()
            everybody = True

    def notify_all(self) -> None:
        """For another reason than an event."""
        for subscription in self._all:
            subscription.wake.set()
