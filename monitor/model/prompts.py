"""The prompt around a text: template, verbalizers, and the prompt's tokens cut into prefix, text and suffix.

A prompt is `before + text + after`, and its answer is one of the label words. The symptoms question may follow. The
prompt is tokenised whole, as the model expects. The tokens that all prompts share at their start and end are then
split off: with the Llama-2 tokenizer `"Text: " + text` is cut after `"Text:"`, because the space belongs to the
text's first token. Training and scoring both use `PromptEncoder`, so their tokens cannot differ.

Special tokens written in `before` and `after` are tokens. Special tokens written in a text are plain characters.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from monitor.errors import ConfigError
from monitor.labels import EMOTIONS
from monitor.model.chat_template import Message, render
from monitor.model.special_tokens import FENCE, fence_special_tokens, rename
from monitor.model.symptoms import SymptomsQuestion, SymptomTokens
from monitor.model.token_rows import TokenRows
from monitor.model.word_tokens import WordTokens

INSTRUCTION = (
    "Which emotion does the writer of this text express? Answer with one word: "
    "sadness, joy, love, anger, fear or surprise."
)
CONTEXT = 8  # tokens of the prefix that are tokenised together with a text
_BLANK_FENCE = str.maketrans({FENCE: None})
# Texts with very different first and last characters: only the template's tokens are in all of their prompts.
_WORDS = ("", " ", "\n", "the end", "I'm", "你好", "été", "\U0001f642")
_PROBES = (*_WORDS, *(f"{mark}b" for mark in string.printable), *(f"b{mark}" for mark in string.printable))


@dataclass(frozen=True)
class PromptTemplate:
    """The strings before and after a text, the words for each emotion, and the symptoms question, if any.

    `again` is the text between an answer and the next example's text in a few-shot prompt; None repeats `before`.

    Raises:
        ConfigError: an emotion has no word, or an emotion is unknown.
    """

    before: str
    after: str
    verbalizers: Mapping[str, tuple[str, ...]]
    again: str | None = None
    symptoms: SymptomsQuestion | None = None

    def __post_init__(self) -> None:
        missing = [emotion for emotion in EMOTIONS if not self.verbalizers.get(emotion)]
        unknown = [emotion for emotion in self.verbalizers if emotion not in EMOTIONS]
        if missing or unknown:
            raise ConfigError(
                f"prompt: emotions without a word {missing}, unknown emotions {unknown}; "
                f"give each of {', '.join(EMOTIONS)} at least one word"
            )

    def to_json(self) -> dict[str, Any]:
        """The template as plain JSON values, emotions in the order of EMOTIONS."""
        words = {emotion: list(self.verbalizers[emotion]) for emotion in EMOTIONS}
        value: dict[str, Any] = {"before": self.before, "after": self.after, "verbalizers": words}
        if self.again is not None:
            value["again"] = self.again
        if self.symptoms is not None:
            value["symptoms"] = self.symptoms.to_json()
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PromptTemplate:
        """The template that `to_json` wrote.

        Raises:
            ConfigError: a key is missing, unknown or of the wrong type.
        """
        unknown = sorted(set(value) - {"before", "after", "verbalizers", "again", "symptoms"})
        try:
            words = {str(emotion): tuple(words) for emotion, words in value["verbalizers"].items()}
            before, after, again = value["before"], value["after"], value.get("again")
        except (KeyError, AttributeError, TypeError) as fault:
            raise ConfigError(f"prompt: {fault!r}; it needs before, after and verbalizers") from fault
        texts = [before, after, "" if again is None else again, *itertools.chain(*words.values())]
        if unknown or not all(isinstance(text, str) for text in texts):
            raise ConfigError(f"prompt: unknown keys {unknown} or a value that is not text")
        symptoms = SymptomsQuestion.from_json(value["symptoms"]) if "symptoms" in value else None
        return cls(before, after, words, again, symptoms)


def plain_template(bos: str = "") -> PromptTemplate:
    """A template for a model without a chat format; `bos` is its beginning-of-sequence token, if any."""
    return PromptTemplate(
        before=f"{bos}{INSTRUCTION}\n\nText: ",
        after="\nEmotion:",
        verbalizers={emotion: (f" {emotion}",) for emotion in EMOTIONS},
        again="\n\nText: ",
    )


def default_template(tokenizer: Any) -> PromptTemplate:
    """The zero-shot template for a transformers tokenizer: its chat format if it has one, else the plain template.

    Raises:
        ValueError: the chat format cannot be rendered, takes too long, or changes the content of a message.
    """
    bos = tokenizer.bos_token or ""
    if not getattr(tokenizer, "chat_template", None):
        return plain_template(bos)

    def chat(*contents: str) -> list[Message]:
        return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(contents)]

    chats = [chat(f"{INSTRUCTION}\n\nText: {FENCE}"), chat(FENCE, FENCE, FENCE)]
    single, several = render(tokenizer.get_chat_template(), chats, tokenizer.special_tokens_map)
    before, _, after = single.partition(FENCE)
    _, _, between, _ = several.split(FENCE)
    if bos and not before.startswith(bos):
        before = bos + before
    words = {emotion: (emotion,) for emotion in EMOTIONS}
    return PromptTemplate(before, after, words, again=f"{between}Text: ")


def few_shot(template: PromptTemplate, examples: Sequence[tuple[str, str]]) -> PromptTemplate:
    """The template with answered examples in front; `examples` are (text, emotion) pairs.

    The examples become part of the prompt, so a special token written in an example is a token.

    Raises:
        ConfigError: an example's emotion is unknown.
    """
    unknown = sorted({emotion for _, emotion in examples if emotion not in EMOTIONS})
    if unknown:
        raise ConfigError(f"few-shot examples: unknown emotions {unknown}; use {', '.join(EMOTIONS)}")
    again = template.before if template.again is None else template.again
    shots = (text + template.after + template.verbalizers[emotion][0] + again for text, emotion in examples)
    return replace(template, before=template.before + "".join(shots))


class PromptEncoder:
    """Turns texts into token ids between a fixed prefix and suffix.

    Attributes:
        prefix_ids: tokens that start every prompt.
        suffix_ids: tokens that end every prompt; the label follows the last of them.
        label_ids: per emotion, per word of that emotion, the tokens of the word after the suffix.
        symptoms: tokens of the symptoms question, which follow the suffix; None for a prompt without it.

    `tokenizer` is a `tokenizers.Tokenizer` or a transformers tokenizer built on one.

    Raises:
        ConfigError: the prompt ends inside a label's first token, two label words are the same, a label word begins
            another one, no token is shared by the prompts' ends, or a symptoms word is not one token.
    """

    def __init__(self, template: PromptTemplate, tokenizer: Any) -> None:
        self.template = template
        backend = tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer
        self._tokenizer, self._names = fence_special_tokens(backend)
        self._before, self._after = (rename(part, self._names) for part in (template.before, template.after))
        self._split()
        between = self._before.endswith(FENCE) and self._after.startswith(FENCE)  # special tokens enclose the text
        self._words = WordTokens(self._tokenizer) if between and WordTokens.applies(self._tokenizer) else None
        self.label_ids = tuple(
            tuple(self.word_ids(word) for word in template.verbalizers[emotion]) for emotion in EMOTIONS
        )
        self._check_labels()
        self.symptoms = self._symptom_tokens(template.symptoms) if template.symptoms else None

    def encode_texts(
        self, texts: Sequence[str], max_text_tokens: int
    ) -> tuple[TokenRows, npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
        """Token ids of each text between prefix and suffix, at most `max_text_tokens` of them.

        Truncation removes characters from the text's end, never from the template.

        Returns:
            ids: n rows; truncated: (n,); n_tokens: (n,), the lengths before cutting.
        """
        whole = self.encode_whole(texts)
        truncated = whole.lengths > max_text_tokens
        cut = [self._cut(_clean(texts[index]), max_text_tokens) for index in np.flatnonzero(truncated).tolist()]
        return _replaced(whole, truncated, cut), truncated, whole.lengths.astype(np.int32)

    def encode_whole(self, texts: Sequence[str]) -> TokenRows:
        """Token ids of each text between prefix and suffix, without truncation."""
        return self._encode([_clean(text) for text in texts])

    def encode_with_spans(
        self, text: str, max_text_tokens: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Token ids of one text as in `encode_texts`, (length,), and the span of each token in the text, (length, 2).

        A span is the first and the last character (exclusive) of a token.
        """
        (ids,), _, _ = self.encode_texts([text], max_text_tokens)
        clean = _clean(text)
        encoding = self._tokenizer.encode(self._context + clean + self._after)
        first, lead = len(self._context_ids), len(self._context)
        if encoding.ids[first : first + len(ids)] != ids.tolist():  # a token spans text and template
            encoding, first, lead = self._tokenizer.encode(self._lead + clean + self._trail), 0, len(self._lead)
        spans = np.array(encoding.offsets[first : first + len(ids)], dtype=np.int64).reshape(-1, 2) - lead
        if len(clean) < len(text):  # places in the text, which has fences that `clean` lacks
            places = np.array([place for place, mark in enumerate(text) if mark != FENCE] + [len(text)])
            spans = places[spans.clip(0, len(clean))]
        return ids, spans

    def _whole(self, text: str, word: str = "") -> list[int]:
        return list(self._tokenizer.encode(self._before + text + self._after + word).ids)

    def _split(self) -> None:
        prompts = [self._whole(text) for text in _PROBES]
        shortest = min(map(len, prompts))
        head = _shared(prompts, shortest)
        tail = _shared([ids[::-1] for ids in prompts], shortest - head)
        if not tail:
            raise ConfigError("prompt: its last token changes with the text; end it with a word or a special token")
        self.prefix_ids = tuple(prompts[0][:head])
        self.suffix_ids = tuple(prompts[0][len(prompts[0]) - tail :])
        # Characters of the template that belong to the text's tokens, such as the space of "Text: ".
        offsets = self._tokenizer.encode(self._before + self._after).offsets
        self._lead = self._before[offsets[head - 1][1] if head else 0 :]
        self._trail = self._after[: max(offsets[-tail][0] - len(self._before), 0)]
        self._context = self._before[offsets[head - CONTEXT][0] if head > CONTEXT else 0 :]
        self._context_ids = self._tokens_of(self._context, prompts)
        if not self._context_ids:
            self._context, self._context_ids = self._before, self.prefix_ids

    def _tokens_of(self, context: str, prompts: Sequence[Sequence[int]]) -> tuple[int, ...]:
        """Token ids of `context`, a suffix of `before`; empty if a text tokenises differently after `before`.

        Texts are tokenised after `context` alone, which is 20 times as fast as after a few-shot prompt.
        """
        shorter = [list(self._tokenizer.encode(context + text + self._after).ids) for text in _PROBES]
        own = [ids[len(self.prefix_ids) :] for ids in prompts]
        head = tuple(shorter[0][: max(len(shorter[0]) - len(own[0]), 0)])
        same = all(ids == [*head, *rest] for ids, rest in zip(shorter, own, strict=True))
        return head if same else ()

    def _encode(self, texts: Sequence[str]) -> TokenRows:
        if self._words is not None:
            return self._words.rows(texts)
        context, suffix = np.array(self._context_ids, dtype=np.int32), np.array(self.suffix_ids, dtype=np.int32)
        encodings = self._tokenizer.encode_batch_fast([self._context + text + self._after for text in texts])
        lengths = np.fromiter(map(len, encodings), dtype=np.int64, count=len(encodings))
        every_id = itertools.chain.from_iterable(encoding.ids for encoding in encodings)
        wholes = TokenRows(np.fromiter(every_id, dtype=np.int32, count=int(lengths.sum())), lengths)
        own = lengths - len(context) - len(suffix)
        apart = own >= 0  # whether no token spans both text and template
        for places, ids in ((wholes.starts, context), (wholes.starts + lengths - len(suffix), suffix)):
            rows = np.flatnonzero(apart)
            apart[rows] = (wholes.ids[places[rows, None] + np.arange(len(ids))] == ids).all(axis=1)
        merged = [self._lead + texts[i] + self._trail for i in np.flatnonzero(~apart).tolist()]
        alone = [self._tokenizer.encode(text).ids for text in merged]
        return _replaced(wholes.cut(wholes.starts + len(context), np.where(apart, own, 0)), ~apart, alone)

    def _cut(self, text: str, max_text_tokens: int) -> npt.NDArray[np.int32]:
        last = len(self._context_ids) + max_text_tokens
        while True:
            # Tokenising the cut text may give one or two tokens more, so the loop cuts again until the text fits.
            ids = self._encode([text])[0]
            if len(ids) <= max_text_tokens or not text:
                return ids[:max_text_tokens]
            offsets = self._tokenizer.encode(self._context + text + self._after).offsets
            text = text[: max(min(offsets[max(last, 1) - 1][1] - len(self._context), len(text) - 1), 0)]
            last -= 1

    def word_ids(self, word: str, after: str = "") -> tuple[int, ...]:
        """Tokens of a word after the prompt and `after`; they are the same for any text.

        Raises:
            ConfigError: a token spans the word and the characters before it, or the word's tokens change with the
                text.
        """
        tails, lead = set[tuple[int, ...]](), rename(after, self._names)
        for text in ("", "the end", "."):
            prompt, answered = self._whole(text, lead), self._whole(text, lead + rename(word, self._names))
            if answered[: len(prompt)] != prompt or len(answered) == len(prompt):
                raise ConfigError(
                    f"prompt: the label word {word!r} merges into the prompt's end "
                    f"{(after or self.template.after)[-20:]!r}; move its last space to the front of the word"
                )
            tails.add(tuple(answered[len(prompt) :]))
        if len(tails) > 1:
            raise ConfigError(f"prompt: the tokens of the label word {word!r} change with the text before it")
        return tails.pop()

    def _symptom_tokens(self, question: SymptomsQuestion) -> SymptomTokens:
        words = (*question.answers, question.none)
        ids = [self.word_ids(word, question.after) for word in words]
        for word, tokens in zip(words, ids, strict=True):
            if len(tokens) > 1 or ids.count(tokens) > 1:
                raise ConfigError(
                    f"prompt.symptoms: the word {word!r} is {len(tokens)} tokens with this tokenizer, or the same "
                    "token as another word; give each criterion a word of one token"
                )
        *first, none = (tokens[0] for tokens in ids)
        return SymptomTokens(self.word_ids(question.after), tuple(first), none)

    def _check_labels(self) -> None:
        words = sorted(ids for emotion in self.label_ids for ids in emotion)
        for first, second in itertools.pairwise(words):
            if second[: len(first)] == first:
                raise ConfigError(
                    "prompt: two label words are the same tokens, or one begins another: "
                    f"{self._tokenizer.decode(first)!r}, {self._tokenizer.decode(second)!r}; choose others"
                )


def _replaced(rows: TokenRows, where: npt.NDArray[np.bool_], by: Sequence[npt.ArrayLike]) -> TokenRows:
    """The rows, with the n rows that the mask `where`, shape (rows,), selects replaced by the n rows `by`."""
    if not by:
        return rows
    places = np.arange(len(rows))
    places[where] = len(rows) + np.arange(len(by))
    return TokenRows.joined([rows, TokenRows.of(by)]).take(places)


def _clean(text: str) -> str:
    """The text without fences, and with a question mark for each unpaired surrogate: tokenizers refuse surrogates."""
    return text if text.isascii() else text.translate(_BLANK_FENCE).encode("utf-8", "replace").decode()


def _shared(rows: Sequence[Sequence[int]], limit: int) -> int:
    """The number of leading tokens, at most `limit`, that all rows share."""
    for position in range(limit):
        if len({row[position] for row in rows}) > 1:
            return position
    return limit
