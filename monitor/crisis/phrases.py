"""The phrase list: a TOML file that users read and edit, checked entry by entry.

`read_phrases` refuses a wrong list with one line: the file, the line, the entry, what is wrong and the remedy.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from monitor.crisis.normalise import Normaliser
from monitor.crisis.syntax import Compiled, PhraseIndex, compile_pattern, compile_phrase
from monitor.errors import ConfigError
from monitor.labels import CRITERIA
from monitor.regular_files import require_file

SHIPPED = Path(__file__).parent.parent / "assets" / "crisis_phrases.toml"
READINGS = ("plain", "topic", "doubtful", "figure", "other")
MAX_BYTES = 2**20

_ENTRY_KEYS = ("phrase", "pattern", "criterion", "why", "reading")
_RULES = {  # table -> its lists of phrases; all are optional
    "negation": ("words", "between", "undone_by", "hedges"),
    "other_persons": ("words", "between", "possessives"),
    "idioms": ("phrases",),
    "fiction": ("words",),
    "quotes": ("words",),
    "past": ("words", "over"),
    "trivial": ("words",),
    "distress": ("words",),
}
_SINGLE = {
    "negation": ("words", "between"),
    "other_persons": ("between", "possessives"),
    "masked": ("words",),
}
_TABLES = ("groups", "spellings", "masked", "phrases", *_RULES)
_PROBE = (
    "I had toast and tea this morning and then walked the dog.",
    "We are going to the park tomorrow if the weather is good.",
    "Does anyone know a good place to buy a second hand bike?",
    "My sister called me yesterday about the birthday party.",
    "The train was late again so I read my book and had a coffee.",
    "Thanks for the help, that was exactly what I needed!",
    "I think the new phone is better than the old one.",
    "He said that the meeting is on Monday at ten.",
    "What do you want for dinner tonight?",
    "I need to go to the shop and get some milk.",
    "This is my favourite song and I could listen to it all day.",
    "I would like to live in the city for a year and see more of the world.",
    "It was the best day of my life, all of my friends were here.",
    "I do not want to go to work today, I would rather stay at home.",
    "She is so happy with her new job and her own flat.",
)


@dataclass(frozen=True)
class Phrase:
    """One entry of the list.

    Attributes:
        text: the phrase or pattern as written.
        criterion: the criterion that the phrase indicates.
        why: the reason for the entry.
        reading: how the phrase is meant, one of READINGS.
    """

    text: str
    criterion: str
    why: str
    reading: str


@dataclass(frozen=True)
class PhraseList:
    """A checked list, compiled.

    Attributes:
        phrases: the entries, in the file's order.
        index: finds entries in a text and returns their numbers.
        rules: the rules' phrases, by "table.list"; every list is present, even if it is empty.
        words: the lists of single words, by "table.list".
        normaliser: turns text into the words that the list is matched on.
        fingerprint: a hash of the file's content.
    """

    phrases: tuple[Phrase, ...]
    index: PhraseIndex
    rules: Mapping[str, PhraseIndex]
    words: Mapping[str, frozenset[str]]
    normaliser: Normaliser
    fingerprint: str


def read_phrases(path: Path | None) -> PhraseList:
    """Read and check a list; None is the shipped one.

    Raises:
        ConfigError: the file cannot be read, or an entry is wrong.
    """
    file = SHIPPED if path is None else path
    try:
        require_file(file, ConfigError)
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot read this list of phrases ({error.strerror}); name one that you may read"
        ) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{file}: larger than 1 MiB; a list of phrases is a few hundred lines")
    return _checked_list(file, content)


@lru_cache(maxsize=2)
def _checked_list(file: Path, content: bytes) -> PhraseList:
    """The list of a file with this content. A process checks it only once, which takes half a second."""
    try:
        text = content.decode("utf-8-sig")  # Windows' Notepad begins files with a mark
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {_one_line(str(error))}") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deep; keep to the tables of the shipped list") from error
    return _Checked(file, text, tables).phrase_list(hashlib.sha256(content).hexdigest())


class _Checked:
    """Checks the tables of one file."""

    def __init__(self, file: Path, text: str, tables: dict[str, Any]) -> None:
        self.file, self.lines, self.tables = file, text.splitlines(), tables

    def phrase_list(self, digest: str) -> PhraseList:
        """Check and compile the whole list, entries first: an error then names the first wrong entry."""
        for name in self.tables:
            if name not in _TABLES:
                raise self._fault(self._line_of(name), name, f"no such table{_suggest(name, _TABLES)}")
        self._groups = self._table_of_lists("groups", None)
        spellings, masked = self._spellings(), self._masked()
        entries = [self._entry(number, entry) for number, entry in enumerate(self._entries(), start=1)]
        rules = {f"{table}.{name}": phrases for table, name, phrases in self._rule_lists()}
        self._normaliser = Normaliser(spellings, masked, ())
        literals: set[str] = set()
        compiled = []
        for number, (phrase, key) in enumerate(entries, start=1):
            compiled.append(self._compiled_entry(number, phrase, key))
            literals |= compiled[-1].literals
        indexes, words = {}, {}
        for name, phrases in rules.items():
            table, key = name.split(".")
            if key in _SINGLE.get(table, ()):
                words[name] = frozenset(phrases)
                literals |= words[name]
            else:
                indexes[name] = PhraseIndex(self._compiled_rule(table, key, phrase) for phrase in phrases)
                literals |= {word for part in indexes[name].compiled for word in part.literals}
        for spelling in spellings.values():
            literals.update(spelling.split())
        normaliser = Normaliser(spellings, masked, literals)
        checked = PhraseList(
            tuple(phrase for phrase, _ in entries), PhraseIndex(compiled), indexes, words, normaliser, digest
        )
        self._probe(checked)
        return checked

    def _entries(self) -> Sequence[Any]:
        entries = self.tables.get("phrases", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._fault(self._line_of("phrases"), "phrases", "write each entry below a line [[phrases]]")
        if not entries:
            raise ConfigError(
                f"{self.file}: no phrases; add an entry, [[phrases]], or leave the setting to the default"
            )
        return entries

    def _entry(self, number: int, entry: dict[str, Any]) -> tuple[Phrase, str]:
        for key, value in entry.items():
            if key not in _ENTRY_KEYS:
                raise self._entry_fault(number, f"no such key: {key}{_suggest(key, _ENTRY_KEYS)}", key)
            if not isinstance(value, str) or not value.strip():
                raise self._entry_fault(number, f"{key}: give a text in quotes", key)
        kinds = [key for key in ("phrase", "pattern") if key in entry]
        if len(kinds) != 1:
            raise self._lacking_fault(number, "give either phrase or pattern, one of the two")
        for key, allowed in (("criterion", CRITERIA), ("reading", READINGS)):
            value = entry.get(key, "plain" if key == "reading" else None)
            if value is None:
                raise self._lacking_fault(number, f"no {key}; give one of {', '.join(allowed)}")
            if value not in allowed:
                raise self._entry_fault(number, f"{key}: no such {key}: {value}{_suggest(value, allowed)}", key)
        if "why" not in entry:
            raise self._lacking_fault(number, "no why; give a short reason for the readers of the alert")
        phrase = Phrase(entry[kinds[0]], entry["criterion"], entry["why"], entry.get("reading", "plain"))
        return phrase, kinds[0]

    def _compiled_entry(self, number: int, phrase: Phrase, key: str) -> Compiled:
        try:
            if key == "pattern":
                return compile_pattern(phrase.text)
            return compile_phrase(phrase.text, self._groups, self._normaliser.word)
        except ValueError as error:
            raise self._entry_fault(number, f"{key}: {error}", key) from error

    def _compiled_rule(self, table: str, key: str, phrase: str) -> Compiled:
        try:
            return compile_phrase(phrase, self._groups, self._normaliser.word)
        except ValueError as error:
            raise self._fault(self._line_of(table, key), f"{table}.{key}", f"{phrase!r}: {error}") from error

    def _rule_lists(self) -> list[tuple[str, str, list[str]]]:
        lists = []
        for table, names in _RULES.items():
            given = self._table_of_lists(table, names)
            lists += [(table, name, given.get(name, [])) for name in names]
        return lists

    def _table_of_lists(self, table: str, names: Sequence[str] | None) -> dict[str, list[str]]:
        given = self.tables.get(table, {})
        if not isinstance(given, dict):
            raise self._fault(self._line_of(table), table, f"write its lists below a line [{table}]")
        for key, value in given.items():
            if names is not None and key not in names:
                raise self._fault(self._line_of(table, key), f"{table}.{key}", f"no such list{_suggest(key, names)}")
            if names is None and not re.fullmatch("[a-z_]+", key):
                raise self._fault(self._line_of(table, key), f"{table}.{key}", "name it in letters a to z and _")
            if not isinstance(value, list) or not all(isinstance(part, str) and part.strip() for part in value):
                raise self._fault(self._line_of(table, key), f"{table}.{key}", "give a list of texts, in [ ]")
            if key in _SINGLE.get(table, ()) and any(not re.fullmatch("[a-z0-9]+", part) for part in value):
                wrong = next(part for part in value if not re.fullmatch("[a-z0-9]+", part))
                raise self._fault(
                    self._line_of(table, key),
                    f"{table}.{key}",
                    f"{wrong!r} is not one word; use letters a to z alone",
                )
        return given

    def _spellings(self) -> dict[str, str]:
        given = self.tables.get("spellings", {})
        for key, value in given.items() if isinstance(given, dict) else ():
            if (
                not re.fullmatch("[a-z0-9]+", key)
                or not isinstance(value, str)
                or not re.fullmatch("[a-z0-9 ]+", value)
            ):
                raise self._fault(
                    self._line_of("spellings", key),
                    f"spellings.{key}",
                    'write one word = "one or more words", a to z',
                )
        if not isinstance(given, dict):
            raise self._fault(self._line_of("spellings"), "spellings", "write it below a line [spellings]")
        return given

    def _masked(self) -> list[str]:
        return self._table_of_lists("masked", ("words",)).get("words", [])

    def _probe(self, checked: PhraseList) -> None:
        for sentence in _PROBE:
            for _, _, number in checked.index.find(checked.normaliser.words(sentence)):
                key = "pattern" if "pattern" in self.tables["phrases"][number] else "phrase"
                message = f"{key}: it matches an ordinary sentence, {sentence!r}; make it narrower"
                raise self._entry_fault(number + 1, message, key)

    def _lacking_fault(self, number: int, message: str) -> ConfigError:
        """The error for an entry that lacks a key; it names the line of the entry."""
        return self._fault(self._entry_line(number), f"phrase {number}", message)

    def _entry_fault(self, number: int, message: str, key: str) -> ConfigError:
        """The error for an entry; it names the line of the key if that line is found."""
        start = self._entry_line(number)
        line = start
        for offset, content in enumerate(self.lines[start:] if start else [], start=start + 1):
            if content.lstrip().startswith("["):
                break
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", content):
                line = offset
                break
        return self._fault(line, f"phrase {number}", message)

    def _entry_line(self, number: int) -> int:
        """The line of the entry's [[phrases]], or 0."""
        seen = 0
        for line, content in enumerate(self.lines, start=1):
            seen += re.match(r"\s*\[\[\s*phrases\s*\]\]", content) is not None
            if seen == number:
                return line
        return 0

    def _line_of(self, table: str, key: str | None = None) -> int:
        """The line of a table, or of a key in it, or 0."""
        inside = False
        for line, content in enumerate(self.lines, start=1):
            if re.match(rf"\s*\[+\s*{re.escape(table)}\s*\]+", content) or re.match(
                rf"{re.escape(table)}\s*=", content
            ):
                if key is None:
                    return line
                inside = True
            elif content.startswith("["):
                inside = False
            elif inside and key is not None and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", content):
                return line
        return 0

    def _fault(self, line: int, place: str, message: str) -> ConfigError:
        where = f"line {line}, " if line else ""
        return ConfigError(f"{self.file}: {where}{place}: {_one_line(message)}")


def _suggest(word: str, words: Sequence[str]) -> str:
    close = get_close_matches(word, words, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (there are: {', '.join(words)})"


def _one_line(message: str) -> str:
    return " ".join(message.split())
