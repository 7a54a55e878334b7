"""The shape of the code itself: what the house rules say of it, and its figures (`python -m tests.house`)."""
