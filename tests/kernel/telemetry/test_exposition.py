"""The metrics are made once for all who ask within a second."""

import threading
from concurrent.futures import ThreadPoolExecutor

from makima_kernel.telemetry.exposition import Exposition


class Builds:
    """Counts the builds; the first waits for `go_on`."""

    def __init__(self) -> None:
        self.count = 0
        self.began, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> bytes:
        self.count += 1
        self.began.set()
        assert self.go_on.wait(10)
        return b"text %d" % self.count


def test_who_asks_while_another_builds_gets_that_text() -> None:
    builds = Builds()
    exposition = Exposition(builds, clock=lambda: 7.0)
    with ThreadPoolExecutor(20) as callers:
        first = callers.submit(exposition.read)
        assert builds.began.wait(10)
        others = [callers.submit(exposition.read) for _ in range(50)]
        builds.go_on.set()
        assert {caller.result(10) for caller in (first, *others)} == {b"text 1"}
    assert builds.count == 1


def test_the_text_is_at_most_a_second_old() -> None:
    builds, now = Builds(), [0.0]
    builds.go_on.set()
    exposition = Exposition(builds, clock=lambda: now[0])
    texts: list[bytes] = []
    for now[0] in (0.0, 0.9, 1.0, 1.5, 2.0):
        texts.append(exposition.read())
    assert texts == [b"text 1", b"text 1", b"text 2", b"text 2", b"text 3"]
