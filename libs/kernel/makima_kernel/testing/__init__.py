"""Helpers for tests: scenarios for the rules of a decider, and waiting for a condition."""

from makima_kernel.testing.eventually import PATIENCE as PATIENCE
from makima_kernel.testing.eventually import eventually as eventually
from makima_kernel.testing.scenario import Given as Given
from makima_kernel.testing.scenario import Outcome as Outcome
from makima_kernel.testing.scenario import scenario as scenario
