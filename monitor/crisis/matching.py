"""Find crisis wording in texts: every match of the phrase list, raised or held, with its position in the text."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.crisis.phrases import PhraseList, read_phrases
from monitor.crisis.rules import judge


@dataclass(frozen=True)
class Mention:
    """One match.

    Attributes:
        phrase: the phrase or pattern of the list, as written there.
        criterion: the criterion that the phrase indicates.
        first: index of the match's first character in the original text, from 0.
        last: index after the match's last character.
        state: "raised" or "held".
        rule: the rule that held it (negation, other person, quote, fiction, idiom, trivial, topic, past). For a
            raised match: "past" if it speaks of long ago, otherwise "".
    """

    phrase: str
    criterion: str
    first: int
    last: int
    state: str
    rule: str


class CrisisList:
    """A phrase list that finds its phrases in texts."""

    def __init__(self, phrases: PhraseList) -> None:
        """Take a checked list; `read` makes one from a file."""
        self._phrases = phrases

    @classmethod
    def read(cls, path: Path | None = None) -> CrisisList:
        """Read a list; None is the shipped one.

        Raises:
            ConfigError: the list cannot be read, or an entry of it is wrong.
        """
        return cls(read_phrases(path))

    @property
    def fingerprint(self) -> str:
        """A hash of the list. Mentions with a different fingerprint were found by a different list."""
        return self._phrases.fingerprint

    def normalise(self, text: str) -> str:
        """The normalised text, on which phrases are matched; useful for editing phrases."""
        return self._phrases.normaliser.words(text).strip()

    def find(self, texts: Sequence[str]) -> list[list[Mention]]:
        """The mentions of each text, in their order in the text.

        Those of one text do not overlap, except where a stretch of the original stands for several words ("k m s k m
        s"): then each phrase in it is one mention of the whole stretch, raised if one of its matches is.
        """
        words, index = self._phrases.normaliser.words, self._phrases.index
        return [self._mentions(text, matches) if (matches := index.find(words(text))) else [] for text in texts]

    def _mentions(self, text: str, matches: list[tuple[int, int, int]]) -> list[Mention]:
        """If matches overlap, the longest counts, then the first, then the one that is first in the list."""
        normalised = self._phrases.normaliser.normalise(text)
        mentions: dict[tuple[str, int], Mention] = {}
        for first, last, number in _apart(matches):
            phrase = self._phrases.phrases[number]
            state, rule = judge(self._phrases, phrase, normalised, text, first, last)
            mention = Mention(phrase.text, phrase.criterion, *normalised.original(first, last), state, rule)
            before = mentions.setdefault((mention.phrase, mention.first), mention)
            if before.state == "held" and state == "raised":
                mentions[mention.phrase, mention.first] = mention
        return list(mentions.values())


def _apart(matches: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Matches without overlaps, in their order: the longest of all, then the longest that overlaps none of these."""
    chosen: list[tuple[int, int, int]] = []
    for match in sorted(matches, key=lambda match: (match[0] - match[1], match[0], match[2])):
        place = bisect(chosen, match)
        after_left = place == 0 or chosen[place - 1][1] <= match[0]
        if after_left and (place == len(chosen) or match[1] <= chosen[place][0]):
            chosen.insert(place, match)
    return chosen
