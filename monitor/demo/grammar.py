"""Diary-like English for the demo feed: invented people, their voices, and texts of a given emotion.

The phrases are data (assets/demo_phrases.toml); this module chooses, fills and joins them. It calls only
`.random()` of a `random.Random`, whose sequence is the same in every version of Python.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from monitor import ROOT
from monitor.labels import EMOTIONS

T = TypeVar("T")
INTENTS = ("neutral", *EMOTIONS)
INSIDE = ("state", "unsaid")  # sections of the bank without a topic
PHRASES = ROOT / "monitor" / "assets" / "demo_phrases.toml"
CHOICE = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
LONGEST_BODY = 40  # words; opener, closer and emoji add up to 20


@functools.cache
def phrases() -> dict[str, Any]:
    """The phrase bank, with clauses as tuples of lines."""
    with PHRASES.open("rb") as stream:
        bank: dict[str, Any] = _split_lines(tomllib.load(stream))
    return bank


def pick(rng: Random, options: Sequence[T]) -> T:
    """One of `options` with equal probability."""
    return options[int(rng.random() * len(options))]


def weighted(rng: Random, weights: Mapping[T, float]) -> T:
    """One key of `weights` with probability proportional to its weight."""
    left = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return key


@dataclass(frozen=True)
class Voice:
    """How one person types."""

    lower: bool
    apostrophes: bool
    joiner: str  # between clauses: ". ", ", " or "... "
    ending: str  # after the last clause
    short: float  # chance of an abbreviation for a word that has one
    emoji: float  # chance of an emoji per text
    typos: float  # chance of a typing error per word
    words: float  # usual length of a text in words


@dataclass
class Person:
    """One invented writer: the people around them, their topics, and their voice."""

    slots: dict[str, tuple[str, ...]]
    topics: dict[str, float]
    voice: Voice
    used: dict[str, list[str]] = field(default_factory=dict)  # recently used clauses, by pool


def invent_person(rng: Random, arc: str | None) -> Person:
    """A new writer; `arc` is the cause of the writer's low periods, None for a writer without one."""
    bank = phrases()
    role = bank["role"][pick(rng, sorted(bank["role"]))]
    people = dict(bank["people"])
    if role is bank["role"]["retired"]:
        people["relative"] = people["elder_relative"]
    has = {"relative", "sport", "hobby", "hobby_thing", "coin", *role["slots"]}
    has |= {slot for slot in role["maybe"] if rng.random() < 0.45}
    if arc == "breakup":
        has = has - {"partner"} | {"ex"}
    if arc == "grief":
        has.add("gone")
    slots: dict[str, tuple[str, ...]] = {slot: (pick(rng, people[slot]),) for slot in sorted(has)}
    slots["relative"] = tuple(dict.fromkeys(pick(rng, people["relative"]) for _ in range(4)))
    slots["friend"] = tuple(dict.fromkeys(pick(rng, people["friend"]) for _ in range(5)))
    if slots.get("pet", ("",))[0] in ("the dog", "the puppy"):
        slots["dog"] = slots["pet"]
    topics = {topic: weight * (0.5 + rng.random()) for topic, weight in role["topics"].items()}
    return Person(slots, topics, _invent_voice(rng))


def _invent_voice(rng: Random) -> Voice:
    lower = rng.random() < 0.5
    marks = [
        (". ", "."),
        (". ", "."),
        (". ", ""),
        (". ", "!"),
        ("... ", "..."),
        (", ", "") if lower else (". ", "."),
    ]
    joiner, ending = pick(rng, marks)
    return Voice(
        lower=lower,
        apostrophes=not lower or rng.random() < 0.5,
        joiner=joiner,
        ending=ending,
        short=0.0 if rng.random() < 0.7 else 0.25 + 0.5 * rng.random(),
        emoji=0.0 if rng.random() < 0.5 else 0.05 + 0.3 * rng.random(),
        typos=0.0 if rng.random() < 0.4 else 0.02 * rng.random(),
        words=13.0 + 17.0 * rng.random(),
    )


@dataclass(frozen=True)
class Occasion:
    """Cause and time of a text.

    intent: one of INTENTS. low: the writer's lowness, 0 to 1. story: the cause of the current low period, if any.
    weeks: full weeks since its onset. recovering: whether the writer is recovering from it.
    """

    intent: str
    at: datetime
    low: float = 0.0
    story: str | None = None
    weeks: int = 0
    recovering: bool = False


def write_text(rng: Random, person: Person, occasion: Occasion) -> str:
    """One text of 4 to 60 words by `person`, who does not repeat recently used clauses."""
    intent = occasion.intent
    target = max(4.0, person.voice.words * (0.18 + 1.4 * rng.random() * (0.5 + rng.random())))
    around = _surroundings(rng, person, occasion)
    pools: list[tuple[str, str]] = []
    lines: list[str] = []
    clauses: list[str] = []
    words = 0
    for pool in _plan(rng, person, occasion, around, target):
        line = _line(rng, person, pool, around)
        if line in lines:
            continue
        clause = _fill(rng, line, around).rstrip(", ")  # removes the comma before an empty last choice
        head = clause.split(", ")[0]
        if target < 8 and len(head.split()) >= 4 and (pool[1] == "neutral" or pool[0] in INSIDE):
            clause = head  # an event stays complete, because its last part often has the emotion
        if words and (words >= target or words + len(clause.split()) > LONGEST_BODY):
            break
        pools.append(pool)
        lines.append(line)
        clauses.append(clause)
        words += len(clause.split())
    start = "neutral" if pools[0][1] == "neutral" else intent
    opener = pick(rng, phrases()["open"][start]) if rng.random() < 0.3 and target > 9 else ""
    closer = pick(rng, phrases()["close"][intent]) if rng.random() < 0.22 and target > 12 else ""
    text = _join(rng, person.voice, _fill(rng, opener, around), clauses, _fill(rng, closer, around), intent)
    return _typed(rng, person.voice, text, intent)


def _plan(
    rng: Random, person: Person, occasion: Occasion, around: Mapping[str, str], target: float
) -> list[tuple[str, str]]:
    """Pools of clauses in order, as (section, key of phrases()); more pools than a text needs."""
    intent = occasion.intent
    topic = weighted(rng, person.topics)
    inside = [(section, intent) for section in INSIDE]
    plain = [(topic, "neutral"), ("aside", "neutral"), (weighted(rng, person.topics), "neutral")]
    if intent == "neutral":
        first = ("recovery", "neutral") if occasion.recovering and rng.random() < 0.25 else pick(rng, plain)
        return [first, *(pick(rng, plain) for _ in range(5))]
    event = (topic, intent) if _options((topic, intent), around) else pick(rng, inside)
    if intent == "sadness" and occasion.story and rng.random() < 0.45:
        event = ("arc", occasion.story)
    elif intent == "sadness" and occasion.low < 0.3 and rng.random() < 0.6:
        event, inside = ("mild", "sadness"), [("mild", "sadness"), *plain, pick(rng, inside)]
    elif intent == "joy" and occasion.recovering and rng.random() < 0.5:
        event = ("recovery", "joy")
    order = [event, pick(rng, inside), pick(rng, [*plain, *inside]), event, pick(rng, inside)]
    if target < 10 or rng.random() < 0.25:
        order = [pick(rng, inside[:1]), event, *order[2:]]
    if target > 20 and rng.random() < 0.3:
        order = [pick(rng, plain), *order]
    return order


def _line(rng: Random, person: Person, pool: tuple[str, str], around: Mapping[str, str]) -> str:
    """A line of the pool that this person has not used recently."""
    options = _options(pool, around)
    recent = person.used.setdefault(".".join(pool), [])
    line = pick(rng, [line for line in options if line not in recent])
    recent.append(line)
    del recent[: max(0, len(recent) - int(0.7 * len(options)))]
    return line


def _options(pool: tuple[str, str], around: Mapping[str, str]) -> list[str]:
    """Clauses of a pool with a value for each of their slots."""
    section, key = pool
    slots = phrases()["list"].keys() | around.keys()
    return [line for line in phrases()[section].get(key, ()) if set(SLOT.findall(line)) <= slots]


def _surroundings(rng: Random, person: Person, occasion: Occasion) -> dict[str, str]:
    """Values of {friend}, {now}, {weekday}, ... in one text."""
    around: dict[str, str] = {}
    for slot, options in person.slots.items():
        around[slot], _, pronoun = pick(rng, options).partition("/")
        if pronoun:
            around[{"ex": "ex_their"}.get(slot, f"{slot[0]}_them")] = pronoun
    friends = [name for name in person.slots["friend"] if name != around["friend"]] or ["the others"]
    around["other"] = pick(rng, friends)
    at = occasion.at
    parts = ("tonight", "this morning", "this afternoon", "tonight")
    part = parts[(at.hour >= 5) + (at.hour >= 12) + (at.hour >= 18)]
    day_names = [WEEKDAYS[(at.weekday() + offset) % 7] for offset in (-1, 0, 1, 3)]
    around["now"] = pick(rng, [part, part, "today"]) if part != "tonight" else "tonight"
    around["yesterday"] = pick(rng, ["yesterday", "yesterday", day_names[0]])
    around["weekday"] = day_names[1]
    around["tomorrow"] = pick(rng, ["tomorrow", "tomorrow", day_names[2]])
    around["weekday_other"] = day_names[3]
    counted = ("a few days", "a week", *(f"{number} weeks" for number in NUMBERS), "months")
    around["weeks"] = counted[min(occasion.weeks, len(counted) - 1)]
    return around


def _fill(rng: Random, line: str, around: Mapping[str, str]) -> str:
    """Replace every [a|b] and {slot}, nested ones too."""
    while match := CHOICE.search(line):
        line = line[: match.start()] + pick(rng, match[1].split("|")) + line[match.end() :]
    while match := SLOT.search(line):
        value = around[match[1]] if match[1] in around else pick(rng, phrases()["list"][match[1]])
        line = _fill(rng, line[: match.start()] + value + line[match.end() :], around)
    return re.sub(r"\s+", " ", line).replace(" ,", ",").strip()


def _join(rng: Random, voice: Voice, opener: str, clauses: Sequence[str], closer: str, intent: str) -> str:
    text = clauses[0]
    for previous, clause in itertools.pairwise(clauses):
        both_short = len(previous.split()) < 9 and len(clause.split()) < 12 and "," not in previous
        text += (" and " if both_short and rng.random() < 0.3 else voice.joiner) + clause
    if opener:
        text = f"{opener} {text}"
    if closer:
        text += voice.joiner + closer
    quiet = voice.ending == "!" and intent in ("neutral", "sadness", "fear")
    return text + ("." if quiet else voice.ending)


def _typed(rng: Random, voice: Voice, text: str, intent: str) -> str:
    """The text with the voice's case, apostrophes, abbreviations, typing errors and emoji."""
    style = phrases()["style"]
    if voice.lower:
        text = text.lower()
    else:
        text = re.sub(
            r"\b[a-z]+(?:'[a-z]+)?\b", lambda m: m[0].capitalize() if m[0] in style["proper"] else m[0], text
        )
        text = re.sub(r"(^|[.!?] +)([a-z])", lambda m: m[1] + m[2].upper(), text)
    words = [_mistyped(rng, voice, word) for word in text.split(" ")]
    text = " ".join(style["short"][w] if w in style["short"] and rng.random() < voice.short else w for w in words)
    if not voice.apostrophes:
        text = text.replace("'", "")
    if rng.random() < voice.emoji:
        text += " " + pick(rng, style["emoji"][intent])
    return text


def _mistyped(rng: Random, voice: Voice, word: str) -> str:
    if len(word) < 5 or not word.isalpha() or rng.random() >= voice.typos:
        return word
    at = 1 + int(rng.random() * (len(word) - 3))
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return pick(rng, [swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]])


def _split_lines(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _split_lines(value) for key, value in node.items()}
    return tuple(node.strip().splitlines()) if isinstance(node, str) and "\n" in node else node
