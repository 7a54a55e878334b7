"""The last line but one of a wide terminal: heartbeats, verdicts, events and lag over the last hour."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from makima_cli.monitor.beats import sparkline
from makima_cli.monitor.cells import Line, Piece, fit

NAMES: Final = ("heartbeats", "verdict_lateness_p99", "events", "projection_lag")
Values = Sequence[float | None]


def vital_signs(series: Mapping[str, object], width: int) -> Line:
    """Heartbeats and events are per second."""
    values = cast("Mapping[str, Values]", series.get("values") or {})
    shown = [text for name in NAMES if name in values and (text := _sign(name, values[name]))]
    return (Piece(fit(" " + "   ".join(shown), width)),)


def _sign(name: str, values: Values) -> str:
    latest = next((value for value in reversed(values) if value is not None), None)
    if latest is None:
        return ""
    match name:
        case "verdict_lateness_p99":
            text = f"verdicts p99 {latest:.0f}ms"
        case "projection_lag":
            text = f"behind {latest:g}"
        case _:
            text = f"{name} {latest:.1f}/s"
    return f"{text} {sparkline(values)}"
