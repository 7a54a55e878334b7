"""A question and what is typed, in lines: what is typed and the choices come before the whole question."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

from makima_cli.monitor.cells import wrapped
from makima_cli.monitor.model import Prompt

MAX_TYPED_LINES: Final = 3  # of a long text, its end


def prompt_texts(prompt: Prompt, width: int, most: int) -> list[str]:
    """On one line where it fits; `most` is the largest number of lines, at least 1."""
    if prompt.kind not in ("filter", "answer"):
        return shortened(wrapped(prompt.asks, width), most)
    is_answer = prompt.kind == "answer"
    typed = f"{'answer:' if is_answer else prompt.asks} {prompt.text}▏"
    whole = "   ".join([*([prompt.asks, *_numbered(prompt.choices)] if is_answer else []), typed])
    if cell_len(whole) <= width:
        return [whole]
    end = wrapped(typed, width)[-min(MAX_TYPED_LINES, most) :]
    return [*(question_texts(prompt.asks, prompt.choices, width, most - len(end)) if is_answer else []), *end]


def question_texts(question: str, choices: Sequence[str], width: int, most: int) -> list[str]:
    """The question, and its choices: each on a line of its own where there is room for that."""
    numbered = _numbered(choices)
    together = wrapped("   ".join(numbered), width) if choices else []
    apart = [line for each in numbered for line in wrapped(each, width)]
    offered = apart if len(together) > 1 and len(apart) < most else together
    offered = shortened(offered, max(most - 1, 0))
    return [*shortened(wrapped(question, width), most - len(offered)), *offered]


def shortened(lines: Sequence[str], most: int) -> list[str]:
    """At most `most` of the lines; of more, the last one stays, and `…` stands for those that are left out."""
    if len(lines) <= most:
        return list(lines)
    if most < 2:
        return list(lines[-1:]) if most == 1 else []
    return [*lines[: most - 2], f"{lines[most - 2][:-2]} …", lines[-1]]


def _numbered(choices: Sequence[str]) -> list[str]:
    return [f"{number} {choice}" for number, choice in enumerate(choices, 1)]
