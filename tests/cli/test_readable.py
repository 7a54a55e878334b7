"""Characters that nobody sees, or that a terminal obeys, are written out."""

import orjson
import pytest
from makima_cli.readable import json_text, readable

UNSEEN = "\u061c\u200b\u00ad\ufeff\u2060\u3164\u180e\U000e0041"


@pytest.mark.parametrize("character", UNSEEN)
def test_what_nobody_sees_is_written_so_that_no_two_names_look_equal(character: str) -> None:
    name = f"ad{character}min"
    assert readable(name) == f"ad{ascii(character)[1:-1]}min"
    text = json_text({"name": name})
    assert character not in text
    assert orjson.loads(text) == {"name": name}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ad\u200dmin", "ad\\u200dmin"),
        ("ad\u200cmin", "ad\\u200cmin"),
        ("admin\u200d", "admin\\u200d"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),
    ],
)
def test_a_joiner_stays_where_it_joins_and_is_written_where_it_hides(text: str, shown: str) -> None:
    assert readable(text) == shown
    assert orjson.loads(json_text(text)) == text
