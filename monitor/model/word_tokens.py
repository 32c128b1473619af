"""Tokens of many texts at once, for the tokenizers that `pretrain` builds: each word is tokenised once.

Their normaliser folds white space, and byte-level BPE merges nothing across a space, so a text has the tokens of its
words. A dictionary of words replaces the tokenizer then; on two cores it took 15 times as many texts of the emotion
corpus in a second. A text that is not ASCII or holds a link goes through the tokenizer's own normaliser first.
"""

from __future__ import annotations

import json
import threading
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from monitor.model.token_rows import TokenRows

MOST_WORDS, MOST_TOKENS = 200_000, 2_000_000  # the dictionary starts anew beyond one of them
_END = b"\xff"  # a byte that no text in UTF-8 has, as the word between two texts
_DROPPED = b"'`"
_FOLDED = bytes(byte if 32 < byte < 127 or byte > 127 else 32 for byte in range(256)).lower()


def normalizer() -> Any:
    """What writes all text the way the emotion corpus is written.

    NFKC, lower case, links as one word, apostrophes dropped ("don't" is "dont"), white space and control
    characters folded. Case and spelling variants of one word then share their tokens.
    """
    return normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"(https?://|www\.)\S+"), " url "),
            normalizers.Replace(Regex("['\u2018\u2019\u02bc`\u00b4]"), ""),
            normalizers.Replace(Regex(r"[\s\p{Cc}]+"), " "),
            normalizers.Strip(),
        ]
    )


class WordTokens(dict[bytes, int]):
    """A dictionary of words that were met, each with its number.

    Args:
        tokenizer: one of which `applies` is true.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        state = json.loads(tokenizer.to_str())
        self._normalizer = tokenizer.normalizer
        self._tokenizer = Tokenizer.from_str(json.dumps(state | {"normalizer": None}))
        self._lock = threading.Lock()
        self._forget()

    @staticmethod
    def applies(tokenizer: Tokenizer) -> bool:
        """Whether a tokenizer is of the kind that `pretrain` builds."""
        state = json.loads(tokenizer.to_str())
        own = Tokenizer.from_str(tokenizer.to_str())
        own.normalizer, own.pre_tokenizer = normalizer(), pre_tokenizers.ByteLevel(add_prefix_space=True)
        built = json.loads(own.to_str())
        alike = all(state[part] == built[part] for part in ("normalizer", "pre_tokenizer"))
        plain = state["model"]["type"] == "BPE" and not state["model"].get("dropout")
        return alike and plain and all(token["special"] for token in state["added_tokens"])

    def rows(self, texts: Sequence[str]) -> TokenRows:
        """The tokens of n texts, n rows, as the tokenizer gives them without special tokens."""
        with self._lock:
            if len(self) > MOST_WORDS or len(self._ids) > MOST_TOKENS:
                self._forget()
            text = b" \xff ".join([*map(self._written, texts), b""])
            words = text.translate(_FOLDED, _DROPPED).split()
            numbers = np.fromiter(map(self.__getitem__, words), dtype=np.int64, count=len(words))
            known = TokenRows(np.array(self._ids, dtype=np.int32), np.array(self._lengths))
        tokens = known.take(numbers)
        ends = (tokens.starts + tokens.lengths)[numbers == self[_END]]
        return TokenRows(tokens.ids, np.diff(ends, prepend=0))

    def _forget(self) -> None:
        self.clear()
        self._ids, self._lengths = array("i"), array("q", [0])
        self[_END] = 0

    def _written(self, text: str) -> bytes:
        """A text in bytes that differ from the normaliser's only by what _FOLDED and _DROPPED change."""
        if not text.isascii() or "://" in text or "www." in text.lower():
            text = self._normalizer.normalize_str(text)
        return text.encode()

    def __missing__(self, word: bytes) -> int:
        ids = self._tokenizer.encode(word.decode(), add_special_tokens=False).ids
        self._ids.extend(ids)
        self._lengths.append(len(ids))
        self[word] = len(self._lengths) - 1
        return self[word]
