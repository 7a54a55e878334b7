"""What all tests of the contract service have."""

from tests.patience import patient_requests

__all__ = ("patient_requests",)
