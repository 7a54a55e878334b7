"""Index of subscriptions by contract, so that an event wakes only those that match.

With thousands of clients that each watch one contract, waking all of them at each event would take all of the
process's time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Subscription:
    """What wakes one subscriber.

    A subscriber that had sent everything before it waited has missed no matching event below `first` when it
    wakes.
    """

    wake: asyncio.Event = field(default_factory=asyncio.Event)  # set by each matching event
    contract_ids: frozenset[str] | None = None  # the contracts whose events match; null: all
    # the lowest matching position since the subscriber last drained (`rearm`); null: none
    first: int | None = None

    def rearm(self) -> None:
        """Clear `wake` and `first`, before the subscriber reads new events."""
        self.wake.clear()
        self.first = None


class SubscriptionIndex:
    """Subscriptions by contract: a page of events costs as much as it has matches."""

    def __init__(self) -> None:
        self._all: set[Subscription] = set()
        self._of_everything: set[Subscription] = set()  # those that match the events of all contracts
        self._of: defaultdict[str, set[Subscription]] = defaultdict(set)  # contract id → those that name it

    def subscribe(self, subscription: Subscription, contract_ids: frozenset[str] | None) -> None:
        """Register the subscription for these contracts (null: all) only."""
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

    def __len__(self) -> int:
        return len(self._all)

    def notify(self, page: Iterable[tuple[int, str]]) -> None:
        """Wake the subscriptions that match a page of events: (position, contract id), in order.

        Those that match all contracts are woken by the first event of the page alone: the later ones do not
        change their `first`.
        """
        everybody = False
        for position, contract_id in page:
            for subscription in (
                self._of.get(contract_id, ())
                if everybody
                else (*self._of.get(contract_id, ()), *self._of_everything)
            ):
                if subscription.first is None:
                    subscription.first = position
                subscription.wake.set()
            everybody = True

    def notify_all(self) -> None:
        """Wake all subscriptions for another reason than an event: `first` stays."""
        for subscription in self._all:
            subscription.wake.set()
