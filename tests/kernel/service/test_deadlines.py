"""The defaults of the deadlines, as the page of the domain lists them."""

from pathlib import Path

import pytest
from makima_kernel.service.settings import Settings, load

# domain.md, Time, and verdicts; in the unit of the setting.
DEADLINES = (
    ("heartbeat_interval_seconds", 30),
    ("agent_timeout_seconds", 90),
    ("heartbeat_timeout_seconds", 120),
    ("stale_threshold_minutes", 30),
    ("stuck_after_seconds", 600),
    ("restart_timeout_seconds", 60),
    ("task_claimed_timeout_seconds", 120),
    ("task_pending_timeout_seconds", 300),
    ("cleanup_timeout_seconds", 30),
    ("agent_grace_hours", 24),
    ("quiet_max_seconds", 4 * 3600),
    ("heartbeat_retention_hours", 24),
)


@pytest.mark.parametrize(("setting", "default"), DEADLINES)
def test_each_deadline_has_the_default_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, default: float
) -> None:
    empty = tmp_path / "makima.toml"
    empty.touch()
    monkeypatch.setenv("MAKIMA_CONFIG", str(empty))
    assert getattr(load(Settings).contracts, setting) == default
    monkeypatch.setenv(f"MAKIMA_CONTRACTS__{setting.upper()}", str(default * 1.25))
    assert getattr(load(Settings).contracts, setting) == default * 1.25, "and is that of its name"
