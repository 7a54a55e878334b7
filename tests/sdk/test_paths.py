"""No id can lead a request elsewhere."""

import pytest
from makima_local import ports
from makima_sdk import Contracts, Http, InvalidIdError, path

NO_IDS = (
    "../contracts/c1",
    "..",
    ".",
    "",
    "c1/tasks",
    "c1?at=1",
    "c1#x",
    "a b",
    "c1\n",
    "%2e%2e",
    "ü",
    "x" * 65,
)


def test_a_path_is_made_of_ids() -> None:
    assert path("contracts", "c-1_A", "phase-guard") == "/contracts/c-1_A/phase-guard"


@pytest.mark.parametrize("no_id", NO_IDS)
async def test_what_is_no_id_is_refused_before_anything_is_sent(no_id: str) -> None:
    with pytest.raises(InvalidIdError, match="is no id"):
        path("tokens", no_id)
    async with Http(f"http://127.0.0.1:{ports.free()}", retry_for=0) as http:
        with pytest.raises(InvalidIdError):
            await Contracts(http).delete(no_id)


@pytest.mark.parametrize(
    "route", ["/tokens/../contracts/c1", "/contracts/c1?at=1", "//other.host/x", "/contracts/"]
)
async def test_a_path_written_by_hand_is_held_to_the_same(route: str) -> None:
    async with Http(f"http://127.0.0.1:{ports.free()}", retry_for=0) as http:
        with pytest.raises(InvalidIdError):
            await http.send("DELETE", route)
