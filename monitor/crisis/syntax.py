"""Phrases as users write them, compiled to regular expressions whose work per start place is bounded.

A phrase is a sequence of words. `(a|b c)` stands for one of several options. `[a]` or `[a|b]` is optional. `*` is up
to three words of the same sentence, `suicid*` is any word with this beginning, and `{name}` is one of the list's own
groups of words. A light break (comma, line break) or a pause ("...") is allowed between any two words, a sentence end
is not.

A pattern is a regular expression over normalised words, in a subset with bounded time: no `*`, `+`, look-around or
back-reference, repeats as `{0,20}`, and at most MAX_WAYS paths through the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

MAX_GAPS = 3
GAP_WORDS = 3
MAX_WAYS = 2_000
MAX_LENGTH = 20_000

_BREAK = r"(?: (?:,|\.\.))?"
_GAP = rf"(?:{_BREAK} [^ .,]+){{0,{GAP_WORDS}}}?"
_PIECES = re.compile(r"\s+|[()|\[\]]|\{[a-z_]+\}|[a-z0-9']+\*?|\*")
_COMMON = frozenset(
    re.findall(
        "[a-z]+",
        "i me my a the to of and that it is was be been am are do not have had will would just so in on for "
        "with this what if he she you we they but no up can get go going want all like out about life live here "
        "day more time know think feel",
    )
)

Keys = frozenset[str]  # words of which at least one has to be there; "suicid*" stands for any word that starts so


@dataclass(frozen=True)
class Compiled:
    """A phrase or pattern, ready to match.

    Attributes:
        source: a regular expression over normalised words; a match starts with the space before its first word.
        keys: sets of words, possibly none; a text can match only if it contains a word of every set.
        literals: the words that the phrase names.
        starts: words that a match can start with; empty: any.
    """

    source: str
    keys: tuple[Keys, ...]
    literals: frozenset[str]
    starts: Keys = frozenset()

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The source, compiled at its first use, as most texts need few of the phrases."""
        return re.compile(self.source)


@dataclass(frozen=True)
class _Part:
    """A part of a phrase: its regular expression, keys and first words, and whether it can be empty."""

    regex: str
    keys: tuple[Keys, ...]
    starts: Keys
    empty: bool
    gaps: int = 0


def compile_phrase(phrase: str, groups: Mapping[str, Sequence[str]], word: Callable[[str], str]) -> Compiled:
    """Compile a phrase.

    Args:
        phrase: as users write it; see the module.
        groups: the phrases that a {name} stands for.
        word: writes out one word as texts are, such as "don't" to "do not".

    Raises:
        ValueError: what is wrong with it, without its place.
    """
    reader = _Reader(phrase.lower().replace("’", "'"), groups, word, ())
    part = reader.sequence("")
    if part.empty:
        raise ValueError("it can match nothing at all; name at least one word that has to be there")
    if part.gaps > MAX_GAPS:
        raise ValueError(f"at most {MAX_GAPS} * in a phrase")
    if part.regex.startswith(_GAP) or part.regex.endswith(_GAP):
        raise ValueError("a * at its start or end has no effect; remove it")
    if len(part.regex) > MAX_LENGTH:
        raise ValueError("it stands for too many wordings; split it into several")
    keys = tuple(sorted(part.keys, key=_commonness)[:3])
    return Compiled(f"{part.regex}(?= )", keys, frozenset(reader.literals), part.starts)


def _commonness(keys: Keys) -> int:
    return sum(50 if key in _COMMON else 1 for key in keys)


class _Reader:
    """Reads one phrase from left to right."""

    def __init__(
        self,
        phrase: str,
        groups: Mapping[str, Sequence[str]],
        word: Callable[[str], str],
        inside: tuple[str, ...],
    ) -> None:
        self.pieces: list[str] = []
        place = 0
        while place < len(phrase):
            match = _PIECES.match(phrase, place)
            if match is None:
                raise ValueError(
                    f"{phrase[place]!r} has no meaning here; use words, (a|b), [a], *, {{group}}, or a pattern"
                )
            if not match.group().isspace():
                self.pieces.append(match.group())
            place = match.end()
        self.place = 0
        self.groups, self.word, self.inside = groups, word, inside
        self.literals: set[str] = set()

    def sequence(self, end: str) -> _Part:
        """A sequence of parts, up to a character of `end`, which stays unread, or to the phrase's end."""
        parts = []
        while self.place < len(self.pieces):
            piece = self.pieces[self.place]
            if piece in ")]|":
                if piece in end:
                    break
                raise ValueError(f"a {piece} without its opening bracket")
            self.place += 1
            parts.append(self._part(piece))
        else:
            if end:
                raise ValueError(f"a bracket is not closed; add {end[0]}")
        regex = "".join([part.regex for part in parts])
        keys = tuple(keys for part in parts for keys in part.keys)
        starts: set[str] = set()
        for part in parts:
            starts |= part.starts
            if not part.empty:
                break
        return _Part(
            regex,
            keys,
            frozenset(starts),
            all(part.empty for part in parts),
            sum(part.gaps for part in parts),
        )

    def _part(self, piece: str) -> _Part:
        if piece == "*":
            return _Part(_GAP, (), frozenset(), True, 1)
        if piece == "(":
            return self._choice(")")
        if piece == "[":
            inner = self._choice("]")
            if inner.empty:
                raise ValueError("empty brackets")
            return _Part(f"(?:{inner.regex})?", (), inner.starts, True, inner.gaps)
        if piece.startswith("{"):
            return self._group(piece[1:-1])
        if piece.endswith("*"):
            stem = piece[:-1].replace("'", "")
            key = frozenset((f"{stem}*",))
            return _Part(f"{_BREAK} {re.escape(stem)}[a-z0-9]*", (key,), key, False)
        words = self.word(piece).split()
        self.literals.update(words)
        regex = "".join([f"{_BREAK} {re.escape(word)}(?= )" for word in words])
        return _Part(regex, tuple(frozenset((word,)) for word in words), frozenset(words[:1]), False)

    def _choice(self, end: str) -> _Part:
        options = []
        while True:
            options.append(self.sequence(f"{end}|"))
            self.place += 1
            if self.pieces[self.place - 1] == end:
                return _either(options)

    def _group(self, name: str) -> _Part:
        if name not in self.groups:
            raise ValueError(f"no group {{{name}}}; there are: {', '.join(self.groups) or 'none'}")
        if name in self.inside:
            raise ValueError(f"group {{{name}}} contains itself")
        options = []
        for phrase in self.groups[name]:
            reader = _Reader(phrase.lower().replace("’", "'"), self.groups, self.word, (*self.inside, name))
            options.append(reader.sequence(""))
            self.literals |= reader.literals
        return _either(options)


def _either(options: Sequence[_Part]) -> _Part:
    """One of several parts. Their order does not matter, because every word ends at a space."""
    empty = any(option.empty for option in options)
    keys: tuple[Keys, ...] = ()
    if not empty and all(option.keys for option in options):
        keys = (frozenset().union(*(min(option.keys, key=_commonness) for option in options)),)
    regex = "|".join([option.regex for option in options])
    starts = frozenset().union(*(option.starts for option in options))
    return _Part(f"(?:{regex})", keys, starts, empty, max(option.gaps for option in options))


# Patterns -----------------------------------------------------------------------------------------------------

_ATOM = re.compile(r"\\[wWdDsSbB.?+*()\[\]{}|^$\\'-]|\[\^?[a-z0-9 ,.'\\w-]+\]|[a-z0-9 ,'.$-]")
_REPEAT = re.compile(r"\{(\d{1,3})(?:,(\d{1,3}))?\}|\?")


def compile_pattern(pattern: str) -> Compiled:
    """Compile a pattern of the subset; see the module.

    Raises:
        ValueError: what is wrong with it, without its place.
    """
    ways, end, least = _ways(pattern, 0, 0)
    if end < len(pattern):
        raise ValueError("a ) without its opening bracket")
    if ways > MAX_WAYS:
        raise ValueError(f"it could take too long (over {MAX_WAYS} ways through it); repeat less, or split it")
    if not least:
        raise ValueError("it can match nothing at all")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return Compiled(pattern, (), frozenset())


def _ways(pattern: str, place: int, depth: int) -> tuple[int, int, int]:
    """Number of paths through the pattern from `place` to its end or closing bracket, that end, shortest match."""
    if depth > 20:
        raise ValueError("brackets nested too deep")
    total, ways, least, shortest = 0, 1, 0, None
    while place < len(pattern) and pattern[place] != ")":
        if pattern[place] == "|":
            total, shortest = total + ways, least if shortest is None else min(shortest, least)
            ways, least, place = 1, 0, place + 1
            continue
        inner, size, place = _atom(pattern, place, depth)
        repeat = _REPEAT.match(pattern, place)
        if repeat is not None:
            low = 0 if repeat[1] is None else int(repeat[1])
            high = 1 if repeat[1] is None else int(repeat[2] or repeat[1])
            if low > high:
                raise ValueError(f"{repeat[0]}: the smaller number comes first")
            if inner > 1 and high * inner.bit_length() > 64:
                raise ValueError(f"{repeat[0]} repeats a choice too often")
            inner, size = sum(inner**times for times in range(low, high + 1)), size * low
            place = repeat.end()
        if place < len(pattern) and pattern[place] in "*+?{":
            raise ValueError(f"{pattern[place]} is not allowed here; write {{0,20}} or {{1,20}}")
        ways, least = min(ways * inner, 10**9), least + size
    return total + ways, place, least if shortest is None else min(shortest, least)


def _atom(pattern: str, place: int, depth: int) -> tuple[int, int, int]:
    """Number of paths through one atom, its shortest match, and its end."""
    if pattern[place] == "(":
        inside = place + (3 if pattern.startswith("(?:", place) else 1)
        if pattern.startswith("?", inside):
            raise ValueError("only (?:...) and (...) groups are allowed")
        inner, end, size = _ways(pattern, inside, depth + 1)
        if end >= len(pattern):
            raise ValueError("a bracket is not closed; add )")
        return inner, size, end + 1
    atom = _ATOM.match(pattern, place)
    if atom is None:
        raise ValueError(
            f"{pattern[place]!r} is not allowed here; use letters, classes, groups, |, ? and repeats as {{0,20}}"
        )
    return 1, 0 if atom[0] in ("$", r"\b", r"\B") else 1, atom.end()


# Many at once -------------------------------------------------------------------------------------------------


class PhraseIndex:
    """Finds many phrases in normalised words. The regex of a phrase runs only on texts with its key words."""

    def __init__(self, compiled: Iterable[Compiled]) -> None:
        """Index the phrases by their rarest key words."""
        self.compiled = list(compiled)
        self._by_word: dict[str, list[int]] = {}
        self._by_stem: dict[str, list[int]] = {}
        self._always: list[int] = []
        for number, phrase in enumerate(self.compiled):
            for key in phrase.keys[0] if phrase.keys else ():
                (self._by_stem if key.endswith("*") else self._by_word).setdefault(key, []).append(number)
            if not phrase.keys:
                self._always.append(number)
        self._keys = frozenset(self._by_word)
        self._stems = [(f" {stem[:-1]}", numbers) for stem, numbers in self._by_stem.items()]
        self._others = [[_Words(keys) for keys in phrase.keys[1:]] for phrase in self.compiled]
        self._starts = [_Words(phrase.starts) for phrase in self.compiled]

    def find(self, words: str) -> list[tuple[int, int, int]]:
        """First and last place in `words` (spaces left out) and number of every match, by number."""
        tokens = words.split()
        present = frozenset(tokens)
        numbers = set(self._always)
        for word in self._keys & present:
            numbers.update(self._by_word[word])
        for stem, wanted in self._stems:
            if stem in words:
                numbers.update(wanted)
        matches: list[tuple[int, int, int]] = []
        places: dict[str, list[int]] | None = None
        for number in sorted(numbers):
            starts = self._starts[number].of(present)
            if not all(keys.of(present) for keys in self._others[number]):
                continue
            if not self.compiled[number].starts:
                spans = [match.span() for match in self.compiled[number].regex.finditer(words)]
            elif starts:
                places = _places(tokens, words) if places is None else places
                match_at = self.compiled[number].regex.match
                tried = [match_at(words, place) for word in starts for place in places[word]]
                spans = [match.span() for match in tried if match is not None]
            else:
                continue
            matches += [(*_bare(words, first, last), number) for first, last in spans]
        return matches

    def matches(self, words: str) -> bool:
        """Whether any of the phrases is in the words."""
        return bool(self.find(words))


class _Words:
    """A set of words and stems, split for a fast intersection."""

    def __init__(self, keys: Keys) -> None:
        self._exact = frozenset(key for key in keys if not key.endswith("*"))
        self._stems = tuple(key[:-1] for key in keys if key.endswith("*"))

    def of(self, present: frozenset[str]) -> Collection[str]:
        """The words of `present` that are in the set or begin with one of its stems."""
        exact = self._exact & present
        if not self._stems:
            return exact
        return exact.union([word for word in present if word.startswith(self._stems)])


def _bare(words: str, first: int, last: int) -> tuple[int, int]:
    """The span without spaces, commas and sentence ends at its ends."""
    while first < last and words[first] in " ,.":
        first += 1
    while last > first and words[last - 1] in " ,.":
        last -= 1
    return first, last


def _places(tokens: list[str], words: str) -> dict[str, list[int]]:
    """The positions of each word, given by the space before it."""
    places: dict[str, list[int]] = {}
    place = len(words) - len(words.lstrip()) - 1
    for token in tokens:
        places.setdefault(token, []).append(place)
        place += len(token) + 1
    return places
