"""`makima token`: made, listed and revoked by administrators; the secret is all that stdout carries."""

from collections.abc import Mapping, Sequence
from typing import cast

from makima_cli.token.listing import place

from tests.cli.conftest import Makima


async def test_a_new_token_opens_what_it_is_for_until_it_is_revoked(makima: Makima) -> None:
    made = await makima("token", "create", "--role", "viewer", "--owner", "alice")
    token = made.out.strip()
    assert made.exit == 0
    assert token not in made.err
    assert (await makima("contracts", "list", "--format", "json", MAKIMA_TOKEN=token)).json == []
    forbidden = await makima("contracts", "create", "mine", "--format", "json", MAKIMA_TOKEN=token)
    assert (forbidden.exit, cast("Mapping[str, object]", forbidden.problem)["roles"]) == (
        4,
        ["admin", "owner"],
    )
    listed = cast("Sequence[Mapping[str, object]]", (await makima("token", "list", "--format", "json")).json)
    assert [(each["role"], each["owner"]) for each in listed] == [("admin", "local"), ("viewer", "alice")]
    table = await makima("token", "list")
    assert table.out.splitlines()[2].split()[1:4] == ["viewer", "alice", "-"]
    revoked = await makima("token", "revoke", str(listed[1]["id"])[:8], "--format", "json")
    assert (revoked.exit, revoked.json) == (0, {"id": listed[1]["id"], "revoked": True})
    assert (await makima("contracts", "list", MAKIMA_TOKEN=token)).exit == 4
    assert (await makima("contracts", "monitor", MAKIMA_TOKEN=token)).exit == 4


async def test_json_says_all_of_it_once(makima: Makima) -> None:
    made = await makima("token", "create", "--role", "daemon", "--daemon", "laptop-1", "--format", "json")
    assert {"role": "daemon", "daemon_id": "laptop-1", "owner": None}.items() <= cast(
        "Mapping[str, object]", made.json
    ).items()
    assert made.err == ""


async def test_tokens_of_people_in_force_come_first(makima: Makima) -> None:
    made = await makima("token", "create", "--role", "viewer", "--owner", "gone", "--format", "json")
    await makima("token", "create", "--role", "viewer", "--owner", "here")
    token_id = str(cast("Mapping[str, object]", made.json)["id"])
    assert (await makima("token", "revoke", token_id)).exit == 0
    owners = [line.split()[2] for line in (await makima("token", "list")).out.splitlines()[1:]]
    assert owners == ["local", "here", "gone"]
    ids = [
        place({"revoked_at": at, "role": role})
        for at, role in ((None, "agent"), (None, "daemon"), ("x", "owner"))
    ]
    assert sorted(ids) == [ids[1], ids[0], ids[2]]


async def test_what_makes_no_sense_is_refused_with_a_hint(makima: Makima) -> None:
    assert (await makima("token", "create", "--format", "json")).exit == 2
    assert (await makima("token", "create", "--role", "king")).exit == 2
    without = await makima("token", "create", "--role", "daemon")
    assert (without.exit, without.out) == (2, "")
    assert "hint: send the daemon's id, e.g. laptop-1" in without.err
    nobodys = await makima("token", "revoke", "nobodys")
    assert (nobodys.exit, "hint: `makima token list` lists them" in nobodys.err) == (3, True)
    [admin] = cast("Sequence[Mapping[str, object]]", (await makima("token", "list", "--format", "json")).json)
    last = await makima("token", "revoke", str(admin["id"]))
    assert last.exit == 5
    assert "makima token create --role admin" in last.err
