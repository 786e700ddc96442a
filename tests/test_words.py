"""A term of the trade has its meaning in the paragraph in which a page first uses it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_readme import PAGES, README, _name, _prose

# A term, and what one of must stand beside it where it comes first.
MEANINGS = {
    r"adjoints?": r"derivative of the (root|result)|of the root (of the graph )?with respect to",
    r"local derivatives?|`local_derivatives`": r"own arguments",
    r"lanes?": r"(row|sample) of a batch",
    r"logits?": r"scores? before",
    r"fan-in": r"number of inputs",
    r"(?<!native )sweeps?": r"(run of|one) `backward\(\)`|pass from the result back",
    r"leaf|(?:the|outer|captured|to|of|on) leaves": r"made from a number|inputs? (and|or) (a )?parameters?",
    r"tangents": r"how far each node moves",
    r"kinks?": r"slope jumps|the function bends",
    r"residuals?": r"f\(z\) - z",
    r"the carry": r"one step hands to the next|`carry, y = f\(carry, x\)`",
    r"native": r"compiled loops",
    r"ulps?": r"distance to the next float",
    r"finite differences": r"moved a little",
    r"traced|traces?": r"placeholders",
    r"root": r"Value that it was called on|result at the top",
}


def _paragraphs(page: str) -> list[str]:
    """Paragraphs, items of lists and rows of tables."""
    return re.split(r"\n\s*\n|\n(?=[-|]|\d+\. )", page)


@pytest.mark.parametrize("term", MEANINGS)
@pytest.mark.parametrize("page", [README, *PAGES], ids=_name)
def test_a_term_is_explained_where_it_first_stands(page: Path, term: str) -> None:
    own = re.sub(r"\]\([^)]*\)|<!--.*?-->", "]", _prose(page))
    for paragraph in _paragraphs(own):
        text = " ".join(paragraph.split())
        if re.search(rf"(?<![\w.`])({term})(?![\w`(=])", text):
            assert re.search(MEANINGS[term], text), f"{page.name} does not say here what {term!r} is: {text[:300]}"
            return
