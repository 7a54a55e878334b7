"""Who is remembered after the log has called it dead, and for how long."""

from makima_stale_detector.domain.members.registry import SenderRegistry
from makima_stale_detector.domain.members.sender import Sender


def sender(name: str, *, alive: bool) -> Sender:
    return Sender(name, alive, 1, "c1", "d1", "x")


def test_everyone_who_lives_is_known_and_of_the_others_the_last_who_ended() -> None:
    known = SenderRegistry((sender(f"s{number}", alive=True) for number in range(5)), remembered=2)
    for number in (3, 1, 2):
        known.put(sender(f"s{number}", alive=False))
    assert known.get("s3") is None
    assert [known.get(f"s{number}") for number in (1, 2)] == [
        sender("s1", alive=False),
        sender("s2", alive=False),
    ]
    assert len(known) == 4


def test_who_returns_is_not_forgotten() -> None:
    known = SenderRegistry([sender("s1", alive=False)], remembered=1)
    known.put(sender("s1", alive=True))
    known.put(sender("s2", alive=False))
    assert known.get("s1") == sender("s1", alive=True)


def test_who_ends_once_more_is_forgotten_last() -> None:
    known = SenderRegistry((sender(f"s{number}", alive=False) for number in (1, 2)), remembered=2)
    known.put(sender("s1", alive=False))
    known.put(sender("s3", alive=False))
    assert known.get("s2") is None
    assert known.get("s1") == sender("s1", alive=False)
