"""The rules that hold a match back. In doubt a match is raised, because the channel is a safety net."""

from __future__ import annotations

import re
from typing import NamedTuple

from monitor.crisis.normalise import Normalised
from monitor.crisis.phrases import Phrase, PhraseList

SELF = frozenset(("i", "me", "my", "myself", "mine", "meself"))
CONTEXT = 240  # characters of normalised text that a rule reads before and after a match
QUOTED = 400  # characters of the original within which quotation marks are paired

NEAR = 15  # words

_ENDS = (".", "..")  # the words that end a sentence
_RAISED = ("raised", "")
_MARKS = re.compile('["“”„«»‟″]|\n\\s*\n')


class Context(NamedTuple):
    """The input of a rule: the normalised words around a match, inside and outside its sentence."""

    before: list[str]  # words of the sentence before the match
    matched: list[str]
    after: list[str]  # words of the sentence after it
    sentence: str  # " word word " with the match
    window: str  # " word . word ", the match with more words on both sides
    left: list[str]  # the words before the match, from any sentence
    right: list[str]  # the words after the match, from any sentence


def judge(
    phrases: PhraseList, phrase: Phrase, normalised: Normalised, text: str, first: int, last: int
) -> tuple[str, str]:
    """State, raised or held, and the rule that set it ("" for none), of a match at words[first:last]."""
    context = _context(normalised.words, first, last)
    own = not SELF.isdisjoint(context.matched)
    if phrase.reading == "other":
        return "held", "other person"
    if _in_idiom(phrases, context, normalised.words, first, last):
        return "held", "idiom"
    if _negated(phrases, context):
        return "held", "negation"
    if not own and _of_another(phrases, context):
        return "held", "other person"
    around = {*context.before, *context.after, *context.left[-NEAR:], *context.right[:NEAR]}
    speaks = own or not SELF.isdisjoint(around)
    if _quoted(phrases, normalised, text, first, last):
        return "held", "quote"
    if not own and not _speaker_before(context) and phrases.rules["fiction.words"].matches(context.sentence):
        return "held", "fiction"
    if phrase.reading == "topic" and not speaks:
        return "held", "topic"
    if phrase.reading == "doubtful" and phrases.rules["trivial.words"].matches(_nearby(context)):
        return "held", "trivial"
    if phrase.reading == "figure" and not _distressed(phrases, context):
        return "held", "idiom"
    if phrases.rules["past.words"].matches(context.sentence):
        over = phrases.rules["past.over"].matches(context.window)
        return ("held" if over else "raised"), "past"
    return _RAISED


def _context(words: str, first: int, last: int) -> Context:
    start, end = max(0, first - CONTEXT), min(len(words), last + CONTEXT)
    left = words[start:first].split()[1 if start else 0 :]
    right = words[last:end].split()
    right = right[: len(right) - 1] if end < len(words) else right
    before = left[len(left) - _first(left[::-1], *_ENDS) :]
    after = right[: _first(right, *_ENDS)]
    matched = words[first:last].split()
    sentence = f" {' '.join([*before, *matched, *after])} "
    window = f" {' '.join([*left, *matched, *right])} "
    return Context(before, matched, after, sentence, window, left, right)


def _first(words: list[str], *marks: str) -> int:
    return min(words.index(mark) if mark in words else len(words) for mark in marks)


def _in_idiom(phrases: PhraseList, context: Context, words: str, first: int, last: int) -> bool:
    """Whether the match lies inside a figure of speech."""
    start, end = words.rfind(" ", 0, max(1, first - CONTEXT)), words.find(" ", last + CONTEXT)
    around = words[start : end + 1 if end > 0 else len(words)]
    for begin, finish, _ in phrases.rules["idioms.phrases"].find(around):
        if begin + start <= first and last <= finish + start:
            return True
    return False


def _negated(phrases: PhraseList, context: Context) -> bool:
    words, between = phrases.words["negation.words"], phrases.words["negation.between"]
    before = context.before
    for distance, word in enumerate(reversed(before[-9:]), start=1):
        if word in words:
            span = before[-distance - 5 :]
            start = len(span) - distance
            return not (_undone(phrases, span, start, context) or _hedged(phrases, context))
        if word not in between or (word == "i" and distance > 1 and before[-distance - 1 : -distance] == ["that"]):
            return False
    return False


def _undone(phrases: PhraseList, span: list[str], negation: int, context: Context) -> bool:
    """Whether a phrase of `undone_by` covers the negation; `negation` is its position among the words."""
    words = f" {' '.join(span + context.matched[:3])} "
    place = 1 + sum(len(word) + 1 for word in span[:negation])
    return any(first <= place < last for first, last, _ in phrases.rules["negation.undone_by"].find(words))


def _hedged(phrases: PhraseList, context: Context) -> bool:
    """Whether a hedge follows within six words: "I am not suicidal, but ..."."""
    return phrases.rules["negation.hedges"].matches(f" {' '.join(context.after[:6])} ")


def _of_another(phrases: PhraseList, context: Context) -> bool:
    """Whether another person is the subject of a match that does not itself say "i" or "my"."""
    persons, between = phrases.rules["other_persons.words"], phrases.words["other_persons.between"]
    before = context.before
    if before and before[-1] in phrases.words["other_persons.possessives"] - {"a", "another"}:
        return True
    for word in reversed(before[-12:]):
        if word in SELF:
            return False
        if persons.matches(f" {word} "):
            return True
        if word not in between:
            break
    if not SELF.isdisjoint(before) or not SELF.isdisjoint(context.after[:12]):
        return False
    clause = before[len(before) - _first(before[::-1], ",") :]
    return persons.matches(f" {' '.join(clause[-12:])} ") or persons.matches(f" {' '.join(context.after[:3])} ")


def _speaker_before(context: Context) -> bool:
    """Whether the writer speaks of himself or herself in the sentence before the match."""
    return not SELF.isdisjoint(context.before)


def _quoted(phrases: PhraseList, normalised: Normalised, text: str, first: int, last: int) -> bool:
    """Whether the match is inside quotation marks of a paragraph, with a word of speech or art near them."""
    start, end = normalised.original(first, last)
    left = text[max(0, start - QUOTED) : start]
    opens = 0
    for mark in _MARKS.finditer(left):
        sign = mark.group()
        opens = 0 if sign[0] == "\n" or (opens and sign not in "“„«") else mark.end()
    if not opens:
        return False
    right = _MARKS.search(text, end, end + QUOTED)
    if right is None or right.group()[0] == "\n":
        return False
    outside = f"{left[max(0, opens - 80) : opens - 1]} . {text[right.end() : right.end() + 60]}"
    return phrases.rules["quotes.words"].matches(phrases.normaliser.words(outside))


def _nearby(context: Context) -> str:
    """The words near the match, in its sentence and beyond, without the match itself."""
    return f" {' '.join(context.left[-NEAR:])} . {' '.join(context.right[:NEAR])} "


def _distressed(phrases: PhraseList, context: Context) -> bool:
    """Whether the words near the match (without the match itself) speak of distress."""
    return phrases.rules["distress.words"].matches(_nearby(context))
