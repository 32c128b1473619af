"""The emotion that a generated answer names: the replaced notebook's method, kept only for comparison."""

from __future__ import annotations

import re

from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptTemplate


def parse(answer: str, template: PromptTemplate) -> int:
    """The emotion whose label word an answer names first, letter case aside, or 6 where it names none."""
    words = {
        word.strip().casefold(): label
        for label, emotion in enumerate(EMOTIONS)
        for word in template.verbalizers[emotion]
    }
    match = re.search(rf"\b(?:{'|'.join(map(re.escape, words))})\b", answer.casefold())
    return words[match[0]] if match else len(EMOTIONS)
