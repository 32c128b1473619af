"""A text with words shaded by what they add to an answer, and a sentence with the same content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from monitor.explanation.words import strongest
from reports.style.wording import Words

Weight = tuple[int, int, float]  # first and last character (exclusive) in the whole text, and what the word adds
STEPS = ((0.75, "adds-3"), (0.45, "adds-2"), (0.2, "adds-1"))  # share of the largest weight -> class
TAKES = -0.75  # a word takes away if its weight is below this share of the largest absolute weight
MOST_NAMED = 3


def excerpt(row: Mapping[str, Any], weights: pl.DataFrame | None, words: Words, *, crisis: bool) -> Markup:
    """An excerpt of a text, with words shaded by what they add to high risk or to thoughts of death.

    Args:
        row: text, starts_at (its first character in the whole text), and truncated (whether the end was not read).
        weights: weights of the words in the whole text, columns of the query word_weights; None if no run has weighed
            them.
        words: the language.
        crisis: whether to shade by thoughts of death or self-harm, if these were found.
    """
    column = "adds_high"
    if crisis and weights is not None and "suicidal" in weights["criterion"]:
        column = "adds_criterion"
    places = [] if weights is None else weights.select("first", "last", column).rows()
    html = shaded(row["text"] or "", row["starts_at"], places, words)
    if not row["truncated"]:
        return html
    return Markup("{} {}").format(html, words("The end of this text was not read: it is too long."))


def shaded(text: str, starts_at: int, weights: Sequence[Weight], words: Words) -> Markup:
    """An excerpt as HTML, each word in a span by its weight, and a sentence for those who do not see the shades.

    Args:
        text: the excerpt.
        starts_at: the excerpt's first character in the whole text; positions are counted in the whole text.
        weights: weights of the words in the whole text, in order, 0 for words that do not stand out from the noise.
            Words outside the excerpt are left out. Without weights the text is not shaded, and no sentence is added.
            If the sentence names no word, none is shaded.
        words: the language.
    """
    inside = [(first - starts_at, last - starts_at, weight) for first, last, weight in weights]
    inside = [word for word in inside if word[0] >= 0 and word[1] <= len(text)]
    if not inside:
        return Markup.escape(text)
    if not strongest(text, inside, MOST_NAMED):
        return Markup('{} <span class="counted">{}</span>').format(text, counted_most(text, inside, words))
    largest, furthest = max(weight for *_, weight in inside), max(abs(weight) for *_, weight in inside)
    parts, place = [], 0
    for first, last, weight in inside:
        look = next((look for share, look in STEPS if weight > 0 and weight >= share * largest), "")
        look = look or ("takes" if weight < 0 and weight <= TAKES * furthest else "")
        if look and first >= place:
            parts += [
                Markup.escape(text[place:first]),
                Markup('<span class="{}">{}</span>').format(look, text[first:last]),
            ]
            place = last
    parts.append(Markup.escape(text[place:]))
    return Markup('<span class="shaded">{}</span> <span class="counted">{}</span>').format(
        Markup("").join(parts), counted_most(text, inside, words)
    )


def counted_most(text: str, weights: Sequence[Weight], words: Words) -> str:
    """The sentence that names the words that add most, or says that no single word does."""
    names = [words("'{word}'", word=word) for word in strongest(text, weights, MOST_NAMED)]
    if not names:
        return words("No single word counted most.")
    if len(names) == 1:
        return words("{word} counted most.", word=names[0])
    return words("{words} and {last} counted most.", words=words(", ").join(names[:-1]), last=names[-1])
