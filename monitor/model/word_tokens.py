"""Tokens of many texts at once, for the tokenizers that `pretrain` builds: each word is tokenised once.

The normaliser of these tokenizers folds white space, and byte-level BPE never merges across a space. So the tokens of
a text are the tokens of its words, and a dictionary of words can replace the tokenizer. On two cores the dictionary
was 15 times as fast on the emotion corpus. A text that is not ASCII or contains a link goes through the tokenizer's
own normaliser first.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from monitor.model.token_rows import TokenRows

MOST_WORDS, LONGEST = 200_000, 64  # the most words before the dictionary is cleared; the most bytes of a stored word
_END = b"\xff"  # the word that marks the end of each text: a byte that UTF-8 does not use
_END_TOKENS = (-1,)
_DROPPED = b"'`"
_FOLDED = bytes(byte if 32 < byte < 127 or byte > 127 else 32 for byte in range(256)).lower()


def normalizer() -> Any:
    """The normaliser that rewrites any text in the style of the emotion corpus.

    It applies NFKC and lower case, replaces each link by one word, drops apostrophes ("don't" becomes "dont"), and
    folds white space and control characters. Case and spelling variants of one word then share their tokens.
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


class WordTokens(dict[bytes, tuple[int, ...]]):
    """A dictionary of the words seen so far, each with its tokens.

    Args:
        tokenizer: one of which `applies` is true.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__({_END: _END_TOKENS})
        self._normalizer = tokenizer.normalizer
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.normalizer = None
        self._lock = threading.Lock()

    @staticmethod
    def applies(tokenizer: Tokenizer) -> bool:
        """Whether a tokenizer is of the kind that `pretrain` builds."""
        model, parts = tokenizer.model, (tokenizer.normalizer, tokenizer.pre_tokenizer)
        built = (normalizer(), pre_tokenizers.ByteLevel(add_prefix_space=True))
        alike = all(own and own.__getstate__() == part.__getstate__() for own, part in zip(parts, built, strict=True))
        plain = isinstance(model, models.BPE) and not model.dropout
        return alike and plain and all(token.special for token in tokenizer.get_added_tokens_decoder().values())

    def rows(self, texts: Sequence[str]) -> TokenRows:
        """The tokens of n texts, n rows; equal to the tokenizer's result without special tokens."""
        text = b" \xff ".join([*map(self._written, texts), b""])
        words = text.translate(_FOLDED, _DROPPED).split()
        with self._lock:
            if len(self) > MOST_WORDS:
                self.clear()
                self[_END] = _END_TOKENS
            ids = np.fromiter(itertools.chain.from_iterable(map(self.__getitem__, words)), dtype=np.int32)
        ends = np.flatnonzero(ids == _END_TOKENS[0])
        return TokenRows(np.delete(ids, ends), np.diff(ends, prepend=-1) - 1)

    def _written(self, text: str) -> bytes:
        """The text as bytes; they equal the normaliser's, except for what _FOLDED and _DROPPED change."""
        if not text.isascii() or "://" in text or "www." in text.lower():
            text = self._normalizer.normalize_str(text)
        return text.encode()

    def __missing__(self, word: bytes) -> tuple[int, ...]:
        tokens = tuple(self._tokenizer.encode(word.decode(), add_special_tokens=False).ids)
        if len(word) <= LONGEST:
            self[word] = tokens
        return tokens
