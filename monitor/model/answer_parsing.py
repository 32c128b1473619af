"""Read the emotion from a generated answer, by the method of the replaced notebook; used only for comparison."""

from __future__ import annotations

import re

from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptTemplate


def parse(answer: str, template: PromptTemplate) -> int:
    """Index of the emotion whose label word comes first in the answer, ignoring case; 6 if it has no label word."""
    words = {
        word.strip().casefold(): label
        for label, emotion in enumerate(EMOTIONS)
        for word in template.verbalizers[emotion]
    }
    match = re.search(rf"\b(?:{'|'.join(map(re.escape, words))})\b", answer.casefold())
    return words[match[0]] if match else len(EMOTIONS)
