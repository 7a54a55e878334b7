"""Pane 4: the replicas of all services, the detector, maintenance, announced silence and dead letters; for administrators."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from makima_sdk.models import DeadLetter

from makima_cli.monitor.cells import DEAD, DIM, HEAD, Line, Piece, fit
from makima_cli.monitor.state import MonitorState

Members = Mapping[str, object]
MAX_LETTERS: Final = 20


def system_lines(state: MonitorState, width: int) -> list[Line]:
    shown = state.system
    if shown is None:
        return [(Piece(fit(f" {state.system_refused or '…'}", width), DIM),)]
    lines: list[Line] = [_head(width, "SERVICE", "REPLICA", "PID", "VERSION", "BEHIND")]
    for service in _items(shown, "services"):
        for replica in _items(service, "replicas"):
            lines.append(_replica(str(service.get("name")), replica, width))
            lines += [_text(f"       {text}", width, DEAD) for text in _faults(replica)]
    detector = cast("Members", shown.get("detector") or {})
    lines += [
        _text("", width),
        _text(" DETECTOR", width, HEAD),
        _text(
            f"   tracks {detector.get('tracked')}   score {_number(detector.get('score'))}   read up to "
            f"{_number(detector.get('watermark_age_seconds'))} s ago   holds {_holds(detector) or 'nothing'}",
            width,
        ),
        _text("", width),
        _text(" MAINTENANCE", width, HEAD),
    ]
    windows = _items(shown, "maintenance")
    lines += [
        _text(f"   {each.get('scope')} {_period(each)}: {each.get('reason')}", width) for each in windows
    ] or [_text("   none", width)]
    quiet = _items(shown, "quiet")
    if quiet:
        lines.append(_text(f" ANNOUNCED SILENCE {shown.get('quiet_total')}", width, HEAD))
        lines += [
            _text(f"   {each.get('role')} of {each.get('contract_name')} until {each.get('until')}", width)
            for each in quiet
        ]
    lines += _dead_letters(state.dead_letters, width)
    flags = cast("Members", shown.get("flags") or {})
    lines += [
        _text("", width),
        _text(f" LOG  position {shown.get('position')}   epoch {shown.get('epoch')}", width, HEAD),
        _text(f" FLAGS  {'  '.join(f'{name} {_on(value)}' for name, value in flags.items())}", width),
        _text(" THRESHOLDS", width, HEAD),
    ]
    for name, each in cast("Mapping[str, Members]", shown.get("thresholds") or {}).items():
        lines.append(
            _text(f"   {name:<36} {each.get('value')} {each.get('unit')} ({each.get('set_by')})", width)
        )
    return lines


def _dead_letters(letters: Sequence[DeadLetter] | None, width: int) -> list[Line]:
    if letters is None:
        return []
    more = " or more" if len(letters) >= MAX_LETTERS else ""
    count = f" {len(letters)}{more}" if letters else ""
    return [
        _text("", width),
        _text(f" DEAD LETTERS{count}", width, HEAD),
        *[
            _text(f"   {each.id}  {each.stream} → {each.consumer}: {each.reason}", width, DEAD)
            for each in letters
        ],
        *([] if letters else [_text("   none", width)]),
    ]


def _head(width: int, *names: str) -> Line:
    service, replica, pid, version, behind = names
    return (Piece(fit(f"   {service:<24} {replica:<24} {pid:>8} {version:<8} {behind}", width), HEAD),)


def _replica(service: str, replica: Members, width: int) -> Line:
    ready = bool(replica.get("ready"))
    behind = cast("Mapping[str, float]", replica.get("lag_events") or {})
    text = (
        f" {'●' if ready else '✗'} {fit(service, 24)} {fit(str(replica.get('id')).rpartition('@')[2], 24)} "
        f"{replica.get('pid')!s:>8} {fit(replica.get('version'), 8)} {max(behind.values(), default=0):g}"
    )
    return _text(text, width, "" if ready else DEAD)


def _faults(replica: Members) -> list[str]:
    """What it lacks, what it shares with others, and what it warns of."""
    groups = (cast("Members", replica.get(name) or {}) for name in ("failing", "shared", "warnings"))
    return [f"{name}: {reason}" for group in groups for name, reason in group.items()]


def _period(window: Members) -> str:
    until = f"until {window.get('until')}"
    return f"from {window.get('started_at')} {until}" if window.get("planned") else until


def _holds(detector: Members) -> str:
    """Whose verdicts are held back, and until when at the latest."""
    return ", ".join(
        f"{each.get('owner_id') or 'the daemons'} until {each.get('until') or 'not known'}"
        for each in _items(detector, "holds")
    )


def _items(members: Members, name: str) -> Sequence[Members]:
    return cast("Sequence[Members]", members.get(name) or ())


def _text(text: str, width: int, style: str = "") -> Line:
    return (Piece(fit(text, width), style),)


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else "–"


def _on(value: object) -> str:
    return "on" if value else "off"
