"""Unlabelled texts that speak of depression, suicide, therapy or loneliness: weak evidence of sadness, nothing more.

Training on them teaches that long posts about these topics are sad. The everyday posts beside them teach that other
long posts are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from monitor.corpora.sources import read_texts
from monitor.errors import DataError

TOPIC = re.compile(
    r"\b(?:depress(?:ed|ion|ive)|suicid(?:e|al)|antidepress\w*|therap(?:y|ist)|mental (?:health|illness(?:es)?)|"
    r"self harm\w*|psychiatrist|lonely|loneliness|worthless|hopeless|want to die|kill myself|hate myself|"
    r"hate my life|no friends|crying|miserable|no one cares|give up on life|meds)\b"
)
NEGATED = re.compile(
    r"\b(?:not|no longer|never|isnt|wasnt|dont|cured|great depression)\b[^.]{0,25}"
    r"(?:depress|suicid|lonely|hopeless|worthless)"
)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
MENTIONS = 3  # a short post with so many mentions is taken whole
SHORT, READ = 1800, 4000  # characters: largest post to take whole, and part of a post from which sentences are taken
UNITS, POSTS = 9000, 3500


def read_topics(path: Path) -> list[str]:
    """Topic texts: the column text of a Parquet file, or the texts that `topic_texts` finds in a folder of posts.

    Raises:
        DataError: there is no file, or the column is missing.
    """
    if not path.is_dir():
        return read_texts(path)
    files = sorted(path.glob("*.parquet"))
    if not files:
        raise DataError(f"{path}: no Parquet file; give a folder of posts, or a file of topic texts")
    return topic_texts(post for file in files for post in read_texts(file))


def topic_texts(posts: Iterable[str]) -> list[str]:
    """Posts that mention the topic several times, and sentences around single mentions; at most POSTS and UNITS."""
    random = np.random.default_rng(0)
    whole, units = list[str](), list[str]()
    for post in posts:
        lower = post.lower()
        mentions = len(TOPIC.findall(lower))
        if not mentions:
            continue
        if mentions >= MENTIONS and len(post) < SHORT and not NEGATED.search(lower):
            whole.append(post)
        sentences = [part for part in SENTENCE.split(post[:READ]) if part.strip()]
        for place, sentence in enumerate(sentences):
            if TOPIC.search(sentence.lower()) and random.random() < 0.5:
                before, after = random.integers(3, size=2) == 0  # a neighbour on either side joins a third of them
                unit = " ".join(sentences[max(0, place - before) : place + 1 + after])
                if 3 <= len(unit.split()) <= 60 and not NEGATED.search(unit.lower()):
                    units.append(unit)
    return [
        texts[row]
        for texts, count in ((units, UNITS), (whole, POSTS))
        for row in random.permutation(len(texts))[:count]
    ]
