"""Write a passage of a text as HTML, with parts of it marked, such as wording of the crisis list.

`reports.risk.shading` writes texts with shaded words. All other quotes are plain strings, which the templates escape.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

Span = tuple[int, int, str]


def marked(text: str, spans: Sequence[Span] = ()) -> Markup:
    """A text as HTML, with parts of it marked.

    Args:
        text: what somebody wrote; escaped here.
        spans: first and last (exclusive) character, counted from 0, and the class of the mark. Spans that overlap an
            earlier one, or lie outside the text, are left out.
    """
    parts, end = [], 0
    for first, last, look in sorted(spans):
        if end <= first < last <= len(text):
            parts += [escape(text[end:first]), Markup('<mark class="{}">{}</mark>').format(look, text[first:last])]
            end = last
    return Markup("").join([*parts, escape(text[end:])])
