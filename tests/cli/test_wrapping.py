"""Lines of a tree that are broken to the width of a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from makima_cli.wrapping import under
from rich.cells import cell_len


def test_what_is_long_goes_on_under_its_text_and_the_branches_beside_it() -> None:
    assert under("│  ├─ [fact] ", "it needs what nobody has done so far", 30) == [
        "│  ├─ [fact] it needs what",
        "│  │         nobody has done",
        "│  │         so far",
    ]
    assert under("└─ do:  ", "makima contracts show 0123456789-0123456789", 24) == [
        "└─ do:  makima contracts",
        "        show",
        "   0123456789-0123456789",
    ], "an id that has no room under the text stands less far in"


@given(
    st.sampled_from(["", "├─ [fact] ", "│  └─ [inference] ", "   │     do:  "]),
    st.lists(st.text("ab完-", min_size=1, max_size=40), max_size=9).map(" ".join),
    st.integers(20, 90),
)
def test_no_line_is_wider_and_no_word_is_lost_or_broken_that_fits(head: str, text: str, columns: int) -> None:
    lines = under(head, text, columns)
    assert max(map(cell_len, lines)) <= columns
    shown = [word for line in lines for word in line.removeprefix(head.rstrip()).replace("│", " ").split()]
    assert "".join(shown) == text.replace(" ", "")
    assert {word for word in text.split() if cell_len(word) <= columns} <= set(shown)
