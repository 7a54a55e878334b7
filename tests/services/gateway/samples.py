"""Values of a hypothesis strategy as a list, the same ones each time: what is asynchronous cannot be called
by hypothesis itself.
"""

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


def samples(strategy: SearchStrategy[T], count: int) -> list[T]:
    """At most `count`; fewer where there are not so many different ones."""
    found: list[T] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
            HealthCheck.large_base_example,
        ],
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found
