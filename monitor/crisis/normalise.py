"""Normalised text: plain lower-case words, each with its place in the original text.

Words are separated by one space. Contractions, abbreviations and masked spellings are written out: "I can't",
"wanna", "k1ll" and "s u i c i d e" become "i can not", "want to", "kill" and "suicide". A sentence end is the
word ".", a lighter break (comma, dash, one line break) is the word ",", and two dots or more are the word "..".
Everything else is dropped.

One stretch of the original may become several words ("can't"). Such a stretch is a piece: a match always covers
whole pieces, so that the original of a match normalises to the same words again.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping
from typing import NamedTuple

MAX_CACHED = 100_000
LONGEST_WORD = 40

_CHUNK = re.compile(r"\n\s*\n|\n|\S+")
_PLAIN = re.compile(r"([a-z]+)([.,!?;:]*)")
_TOKEN = re.compile(r"[a-z0-9@$]+(?:'+[a-z0-9]+)*|\.{2,}|[.?!;\x01]|[,:()\[\]{}]|--+")
_SEPARATORS = str.maketrans("", "", "-_.*/~+|'\\^=")
_LEET = str.maketrans("1!|03457$@€", "iiloeastsae")
_WILD = frozenset("*#%&@!$?x_-.0123456789")
_SURE = frozenset("*#%&@$")
_EDGES = "\"'()[]{}.,!?;:*_~<>"
_REPEAT = re.compile(r"(.)\1{2,}")
_DOUBLE = re.compile(r"(.)\1+")
_RUN = re.compile(r"(?: [a-z]){3}(?= )|(?: \.|^) [a-z]+ \. [a-z]+ \. [a-z]+ (?=\.|$)")
_LAUGH = "\x01"
_FOLDS = {
    **dict.fromkeys("’‘ʼ′`´ʹ＇", "'"),
    **dict.fromkeys("“”„«»‟″", '"'),
    **dict.fromkeys("–—―", ","),
    **dict.fromkeys("‐‑‒−", "-"),
    **dict.fromkeys("😂🤣💀😆😹", _LAUGH),
    **dict(zip("аеорсхуіѕкмтвнԁ", "aeopcxyiskmtbhd", strict=True)),  # Cyrillic letters that look Latin
    **dict(zip("οαεικνρτυ", "oaeikvptu", strict=True)),  # and Greek ones
    **dict(zip("ıłøđß", ("i", "l", "o", "d", "ss"), strict=True)),
    "。": ".",
    "、": ",",
}
_ENDINGS = {"n't": " not", "'m": " am", "'ve": " have", "'ll": " will", "'re": " are", "'d": " would"}
_IS = frozenset(("it", "he", "she", "that", "there", "what", "who", "here", "how", "where", "why", "when"))
_NOT = {"ca": "can", "wo": "will", "sha": "shall", "ai": "is"}


class Piece(NamedTuple):
    """One or more normalised words and the stretch of the original that they stand for."""

    words: str
    first: int
    last: int


class Normalised:
    """A normalised text with the map back to its original.

    Attributes:
        words: " word word . word ", with a space at both ends.
    """

    def __init__(self, pieces: list[Piece]) -> None:
        """Join the pieces, in their order."""
        self.pieces = pieces
        self.starts: list[int] = []
        place = 0
        for piece in pieces:
            self.starts.append(place)
            place += len(piece.words) + 1
        self.words = f" {' '.join([piece.words for piece in pieces])} "

    def original(self, first: int, last: int) -> tuple[int, int]:
        """First and last (exclusive) character in the original that words[first:last] cover."""
        start, end = self._touched(first, last)
        return self.pieces[start].first, self.pieces[end].last

    def _touched(self, first: int, last: int) -> tuple[int, int]:
        start = max(bisect_right(self.starts, first) - 1, 0)
        return start, max(bisect_left(self.starts, last - 1) - 1, start)


class Normaliser:
    """Turns text into normalised words.

    Args:
        spellings: the written-out form of each single word (apostrophes dropped).
        masked: words that are recognised despite masking characters, digits and repeated letters.
        known: every word that the list uses; a word with repeated letters is shortened to one of these if possible.
    """

    def __init__(self, spellings: Mapping[str, str], masked: Collection[str], known: Collection[str]) -> None:
        """Store the tables; see the class."""
        self._spellings = spellings
        self._masked = frozenset(masked)
        self._known = frozenset(known) | self._masked
        self._squeezed = {_DOUBLE.sub(r"\1", word): word for word in sorted(self._masked, key=len)}
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(self._masked):
            self._by_length.setdefault(len(word), []).append(word)
        self._joined: dict[str, str] = {}
        self._pieces_of: dict[str, tuple[Piece, ...]] = {}

    def words(self, text: str) -> str:
        """The normalised words alone, which is faster; equal to `normalise(text).words`."""
        joined = self._joined
        parts = []
        for chunk in _CHUNK.findall(text):
            part = joined.get(chunk)
            if part is None:
                part = self._add(chunk)
            if part:
                parts.append(part)
        words = f" {' '.join(parts)} "
        return self.normalise(text).words if _RUN.search(words) else words

    def normalise(self, text: str) -> Normalised:
        """The normalised text with its map back to the original."""
        pieces = []
        for match in _CHUNK.finditer(text):
            start = match.start()
            for words, first, last in self._split(match.group()):
                pieces.append(Piece(words, start + first, start + last))
        normalised = Normalised(pieces)
        if _RUN.search(normalised.words):
            return Normalised(_join_sentences(self._join_letters(pieces, text)))
        return normalised

    def word(self, word: str) -> str:
        """One word, in lower case and possibly with an apostrophe, written out."""
        plain = word.replace("'", "")
        spelling = self._spellings.get(plain) if "'" not in word or plain != "ill" else None
        if spelling is not None:
            return spelling
        if "'" in word:
            return _written_out(word)
        if plain in self._known or len(plain) > LONGEST_WORD:
            return plain
        return self._shortened(plain) or self._unmasked(plain) or plain

    def _add(self, chunk: str) -> str:
        joined = " ".join([piece.words for piece in self._split(chunk)])
        if len(chunk) <= LONGEST_WORD:
            if len(self._joined) >= MAX_CACHED:
                self._joined.clear()
            self._joined[chunk] = joined
        return joined

    def _split(self, chunk: str) -> tuple[Piece, ...]:
        """The pieces of a stretch without white space, or of line breaks; places are within the chunk."""
        pieces = self._pieces_of.get(chunk)
        if pieces is None:
            pieces = tuple(self._read(chunk))
            if len(chunk) <= LONGEST_WORD:
                if len(self._pieces_of) >= MAX_CACHED:
                    self._pieces_of.clear()
                self._pieces_of[chunk] = pieces
        return pieces

    def _read(self, chunk: str) -> list[Piece]:
        if chunk[0] == "\n":
            return [Piece("." if chunk.count("\n") > 1 else ",", 0, len(chunk))]
        folded, places = _fold(chunk)
        places.append(len(chunk))
        simple = _PLAIN.fullmatch(folded)
        if simple is None and len(folded) <= LONGEST_WORD:
            core = folded.strip(_EDGES)
            start = folded.find(core)
            left = 1 if start and folded[start - 1] in "*_" else 0  # "*icide" keeps its mask
            unmasked = self._unmasked(core) if core and not core.isalpha() else None
            if unmasked is None and left and core:
                unmasked = self._unmasked(folded[start - 1 :].rstrip(_EDGES))
            if unmasked is not None:
                end = start + len(core)
                whole = Piece(unmasked, places[start], _end(places, end))
                return [whole, *self._tokens(folded, places, end)]
        return self._tokens(folded, places, 0)

    def _tokens(self, folded: str, places: list[int], start: int) -> list[Piece]:
        pieces = []
        for match in _TOKEN.finditer(folded, start):
            token = match.group()
            if token[0].isalnum() or token[0] in "@$":
                words = self.word(token)
            elif token == _LAUGH:
                words = "lol"
            else:
                words = ".." if token[:2] == ".." else "." if token in ".?!;" else ","
            pieces.append(Piece(words, places[match.start()], _end(places, match.end())))
        return pieces

    def _shortened(self, word: str) -> str | None:
        """The known word without the repeated letters, such as "die" for "dieee"."""
        if _REPEAT.search(word):
            for shorter in (_REPEAT.sub(r"\1\1", word), _REPEAT.sub(r"\1", word)):
                spelling = self._spellings.get(shorter)
                if spelling is not None or shorter in self._known:
                    return spelling or shorter
        masked = self._squeezed.get(_DOUBLE.sub(r"\1", word))
        return masked if masked and len(masked) > 2 else None

    def _unmasked(self, core: str) -> str | None:
        """The masked word without its separators, digits and signs; None if there is none."""
        if len(core) > LONGEST_WORD or core.isdigit():
            return None
        joined = core.translate(_SEPARATORS)
        for candidate in (joined, joined.translate(_LEET), core.translate(_LEET)):
            if candidate != core and candidate in self._masked:
                return candidate
            if candidate != core and len(candidate) > 3 and self._squeezed.get(_DOUBLE.sub(r"\1", candidate)):
                return self._squeezed[_DOUBLE.sub(r"\1", candidate)]
        letters = sum("a" <= sign <= "z" for sign in core)
        if not any(sign in _SURE for sign in core) or letters * 2 < len(core) or not core[0].isalpha():
            return None
        for word in self._by_length.get(len(core), ()):
            if all(sign == letter or sign in _WILD for sign, letter in zip(core, word, strict=True)):
                return word
        return None

    def _join_letters(self, pieces: list[Piece], text: str) -> list[Piece]:
        """Join words that are written letter by letter, such as "s u i c i d e"."""
        joined: list[Piece] = []
        run: list[Piece] = []
        for piece in [*pieces, Piece(".", len(text), len(text))]:
            sign = _fold(text[piece.first : piece.last])[0]
            if len(sign) == 1 and sign.isalpha():
                run.append(Piece(sign, piece.first, piece.last))
                continue
            joined.extend(self._joined_run(run))
            run = []
            joined.append(piece)
        return joined[:-1]

    def _joined_run(self, run: list[Piece]) -> list[Piece]:
        words = self._segmented("".join([piece.words for piece in run])) if 3 <= len(run) <= 200 else None
        if words is None:
            return [Piece(self.word(piece.words), piece.first, piece.last) for piece in run]
        return [Piece(words, run[0].first, run[-1].last)]

    def _segmented(self, letters: str) -> str | None:
        """The letters split into the fewest known words, one of them masked; None if there is no such split."""
        best: list[tuple[int, str, bool] | None] = [(0, "", False)]
        for end in range(1, len(letters) + 1):
            options = []
            for start in range(max(0, end - 12), end):
                before, word = best[start], letters[start:end]
                if before is None or (word not in self._known and len(word) > 1):
                    continue
                if len(word) == 1 and word not in ("i", "a", "u"):
                    continue
                words = f"{before[1]} {self.word(word)}".strip()
                options.append((before[0] + 1, words, before[2] or word in self._masked))
            best.append(min(options, key=lambda option: (not option[2], option[0])) if options else None)
        last = best[-1]
        return last[1] if last is not None and last[2] else None


def _join_sentences(pieces: list[Piece]) -> list[Piece]:
    """Join three or more sentences of one word each, such as "I. Want. To.", into one piece."""
    joined: list[Piece] = []
    run: list[Piece] = []
    for place, piece in enumerate(pieces):
        starts = place == 0 or pieces[place - 1].words == "."
        ends = place + 1 == len(pieces) or pieces[place + 1].words == "."
        if (piece.words == "." and run and len(run) % 2) or (piece.words not in (".", ",", "..") and starts and ends):
            run.append(piece)
        else:
            joined.extend(_joined_words(run))
            run = []
            joined.append(piece)
    return joined + _joined_words(run)


def _joined_words(run: list[Piece]) -> list[Piece]:
    words = run[::2]
    if len(words) < 3:
        return run
    return [
        Piece(" ".join([piece.words for piece in words]), run[0].first, words[-1].last),
        *run[2 * len(words) - 1 :],
    ]


def _fold(chunk: str) -> tuple[str, list[int]]:
    """The chunk in lower case without accents and invisible characters, and each character's original index."""
    if chunk.isascii():
        return chunk.lower(), list(range(len(chunk)))
    signs: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(chunk):
        folded = _folded(sign)
        signs.append(folded)
        places.extend([place] * len(folded))
    return "".join(signs), places


def _folded(sign: str) -> str:
    if sign in _FOLDS:
        return _FOLDS[sign]
    if sign.isascii():
        return sign.lower()
    parts = unicodedata.normalize("NFKD", sign).casefold()
    return "".join(
        [_FOLDS.get(part, part) for part in parts if unicodedata.category(part) not in ("Mn", "Cf", "Cc", "Cs", "Co")]
    )


def _end(places: list[int], end: int) -> int:
    """The place in the chunk at which a token ends; `end` is its end in the folded text."""
    return places[end - 1] + 1 if end else 0


def _written_out(word: str) -> str:
    for ending, words in _ENDINGS.items():
        if word.endswith(ending):
            stem = word[: -len(ending)].replace("'", "")
            return f"{_NOT.get(stem, stem)}{words}" if ending == "n't" else f"{stem}{words}"
    if word.endswith("'s"):
        stem = word[:-2].replace("'", "")
        return f"{stem} is" if stem in _IS else stem
    return word.replace("'", "")
