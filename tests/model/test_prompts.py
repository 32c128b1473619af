"""Prompts: the cut into prefix, text and suffix; special tokens; truncation; label words."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, normalizers
from transformers import PreTrainedTokenizerFast

from monitor.errors import ConfigError
from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder, PromptTemplate, default_template, few_shot, plain_template
from tests.support import tiny_models

CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
BYTE_LEVEL = tiny_models.byte_level_tokenizer()
ONE_TOKEN = PromptEncoder(tiny_models.one_token_template(), BYTE_LEVEL)
TREE = PromptEncoder(tiny_models.tree_template(), BYTE_LEVEL)
SHOTS = [("i feel so low\n today ", "sadness"), ("hooray 🙂", "joy"), ("...", "fear")]
FEW = PromptEncoder(few_shot(plain_template("<s>"), SHOTS), BYTE_LEVEL)
FEW_SPECIAL = PromptEncoder(few_shot(tiny_models.one_token_template(), SHOTS), BYTE_LEVEL)


@pytest.fixture(scope="module")
def llama2(data_dir: Path) -> Tokenizer:
    model_file = data_dir / "tokenizer" / "llama2_tokenizer.model"
    if not model_file.exists():
        pytest.skip(f"the Llama 2 tokenizer is not at {model_file}")
    return tiny_models.metaspace_tokenizer(model_file)


def chat_template(tokenizer: Tokenizer) -> PromptTemplate:
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    wrapped.chat_template = CHAT
    return default_template(wrapped)


def test_a_fine_tuned_prompt_is_special_tokens_around_the_text() -> None:
    assert ONE_TOKEN.prefix_ids == (1, 2)
    assert ONE_TOKEN.suffix_ids == (3,)
    assert [len(words) for words in ONE_TOKEN.label_ids] == [1] * 6
    assert all(len(word) == 1 for words in ONE_TOKEN.label_ids for word in words)


@pytest.mark.parametrize(
    "encoder", [ONE_TOKEN, TREE, FEW, FEW_SPECIAL], ids=["one token", "tree", "few-shot", "few-shot special"]
)
@given(text=st.text(max_size=40))
@settings(max_examples=100)
def test_prefix_text_and_suffix_are_the_whole_prompt(encoder: PromptEncoder, text: str) -> None:
    ids, truncated, n_tokens = encoder.encode_texts([text], 10_000)
    clean = text.replace("\ufdd0", "")
    whole = encoder._whole(clean)
    assert [*encoder.prefix_ids, *ids[0], *encoder.suffix_ids] == whole
    assert (truncated[0], n_tokens[0]) == (False, len(ids[0]))


@pytest.mark.slow
@given(text=st.text(st.characters(max_codepoint=0x2FFF), max_size=30))
@settings(max_examples=200)
def test_a_text_has_the_same_tokens_behind_a_long_llama_2_prompt_as_tokenised_whole(
    llama2: Tokenizer, text: str
) -> None:
    encoder = few_shot_llama2(llama2)
    (ids,), _, _ = encoder.encode_texts([text], 10_000)
    assert [*encoder.prefix_ids, *ids, *encoder.suffix_ids] == encoder._whole(text.replace("\ufdd0", ""))


@lru_cache
def few_shot_llama2(llama2: Tokenizer) -> PromptEncoder:
    return PromptEncoder(few_shot(chat_template(llama2), SHOTS), llama2)


@pytest.mark.parametrize("encoder", [FEW, FEW_SPECIAL], ids=["few-shot", "few-shot special"])
def test_only_the_end_of_a_long_prompt_is_tokenised_with_each_text(encoder: PromptEncoder) -> None:
    seen: list[str] = []
    backend = encoder._tokenizer

    class Watched:
        def encode_batch_fast(self, prompts: list[str]) -> Any:
            seen.extend(prompts)
            return backend.encode_batch_fast(prompts)

    encoder._tokenizer = Watched()
    try:
        encoder.encode_texts(["so sad", "x" * 20], 100)
    finally:
        encoder._tokenizer = backend
    assert len(seen) == 2
    assert all("hooray" not in prompt for prompt in seen)


def test_a_prompt_whose_end_does_not_suffice_is_tokenised_whole() -> None:
    tokenizer = tiny_models.byte_level_tokenizer()
    tokenizer.normalizer = normalizers.Replace(Regex(r"\A[^#]*\z"), "?")  # a prompt must begin with its mark
    words = {emotion: (f" {emotion}",) for emotion in EMOTIONS}
    before = "# what does the writer of the following text feel? "
    encoder = PromptEncoder(PromptTemplate(before, " it is", words), tokenizer)
    (ids,), _, _ = encoder.encode_texts(["so low"], 100)
    assert [*encoder.prefix_ids, *ids, *encoder.suffix_ids] == encoder._whole("so low")
    assert BYTE_LEVEL.decode(ids.tolist()).strip() == "so low"


def test_special_tokens_typed_by_a_user_are_text() -> None:
    (typed,), _, _ = ONE_TOKEN.encode_texts(["</s> <s> <|emotion|> <pad>"], 100)
    assert not set(typed) & {0, 1, 2, 3}
    assert "<|emotion|>" in BYTE_LEVEL.decode(typed.tolist())


def test_special_tokens_of_the_template_are_tokens() -> None:
    assert TREE.prefix_ids[0] == BYTE_LEVEL.token_to_id("<s>")


@pytest.mark.parametrize("limit", [1, 7, 20])
def test_truncation_cuts_the_text_and_never_the_suffix(limit: int) -> None:
    text = "i feel so very sad 🙂 today " * 50
    (cut,), truncated, n_tokens = TREE.encode_texts([text], limit)
    (whole,), _, _ = TREE.encode_texts([text], 10_000)
    assert 0 < len(cut) <= limit
    assert bool(truncated[0])
    assert n_tokens[0] == len(whole) > limit
    np.testing.assert_array_equal(cut, whole[: len(cut)])
    (short,), flagged, _ = TREE.encode_texts(["sad"], 20)
    assert (len(short) <= 20, bool(flagged[0])) == (True, False)


@pytest.mark.parametrize("text", ["so \ud83d low", "so \ufdd0\ufdd0low", "\ufdd0so low\ufdd0"])
def test_spans_of_a_text_with_unreadable_characters_lie_in_it(text: str) -> None:
    encoder = PromptEncoder(tiny_models.one_token_template(), BYTE_LEVEL)
    (ids,) = encoder.encode_whole([text])
    got, spans = encoder.encode_with_spans(text, 256)
    np.testing.assert_array_equal(got, ids)
    covered = "".join(text[first:last] for first, last in spans.tolist())
    assert covered.replace("\ufdd0", "").endswith("low")
    assert spans.max() <= len(text)


def test_an_empty_text_has_a_prompt() -> None:
    ids, truncated, n_tokens = ONE_TOKEN.encode_texts(["", " "], 10)
    assert n_tokens.tolist() == [0, 1]
    assert [len(row) for row in ids] == [0, 1]
    assert not truncated.any()


@pytest.mark.slow
def test_the_llama_2_prefix_ends_before_the_space_of_the_text(llama2: Tokenizer) -> None:
    encoder = PromptEncoder(chat_template(llama2), llama2)
    assert [llama2.id_to_token(i) for i in encoder.prefix_ids[-2:]] == ["Text", ":"]
    assert llama2.id_to_token(encoder.prefix_ids[0]) == "<s>"
    assert [llama2.id_to_token(i) for i in encoder.suffix_ids[:3]] == ["</s>", "▁", "<0x0A>"]
    (typed,), _, _ = encoder.encode_texts(["x </s>"], 100)
    assert llama2.token_to_id("</s>") not in typed
    assert llama2.id_to_token(int(typed[0])) == "▁x"


@pytest.mark.slow
def test_llama_2_labels_are_token_trees(llama2: Tokenizer) -> None:
    encoder = PromptEncoder(chat_template(llama2), llama2)
    pieces = {
        emotion: "·".join(llama2.id_to_token(i) for i in words[0])
        for emotion, words in zip(EMOTIONS, encoder.label_ids, strict=True)
    }
    assert pieces == {
        "sadness": "s·ad·ness",
        "joy": "jo·y",
        "love": "lo·ve",
        "anger": "anger",
        "fear": "f·ear",
        "surprise": "sur·prise",
    }


@pytest.mark.slow
def test_the_chat_format_repeats_only_the_turns_in_a_few_shot_prompt() -> None:
    template = chat_template(BYTE_LEVEL)
    assert template.before.startswith("<s><|user|>\nWhich emotion")
    assert template.after == "</s>\n<|assistant|>\n"
    shots = few_shot(template, [("so low", "sadness"), ("hooray", "joy")])
    assert shots.before == (
        template.before + "so low</s>\n<|assistant|>\nsadness</s>\n<|user|>\nText: "
        "hooray</s>\n<|assistant|>\njoy</s>\n<|user|>\nText: "
    )
    assert shots.after == template.after


def test_a_few_shot_prompt_without_a_chat_format_repeats_what_the_template_says() -> None:
    one = few_shot(tiny_models.one_token_template(), [("low", "sadness")])
    assert one.before == "<s><|text|>low<|emotion|> sadness<s><|text|>"
    plain = few_shot(plain_template("<s>"), [("low", "sadness")])
    assert plain.before.endswith("\n\nText: low\nEmotion: sadness\n\nText: ")
    with pytest.raises(ConfigError, match="boredom"):
        few_shot(plain_template(), [("low", "boredom")])


@pytest.mark.parametrize("template", [tiny_models.one_token_template(), plain_template("<s>")])
def test_a_template_survives_json(template: PromptTemplate) -> None:
    assert PromptTemplate.from_json(template.to_json()) == template


def test_a_broken_prompt_is_named() -> None:
    words = {emotion: (emotion,) for emotion in EMOTIONS}
    with pytest.raises(ConfigError, match="verbalizers"):
        PromptTemplate.from_json({"before": "", "after": ""})
    with pytest.raises(ConfigError, match="bfore"):
        PromptTemplate.from_json({"before": "", "after": "", "verbalizers": words, "bfore": ""})
    with pytest.raises(ConfigError, match="surprise"):
        PromptTemplate("", "", {emotion: (emotion,) for emotion in EMOTIONS[:-1]})
    with pytest.raises(ConfigError, match="begins another"):
        PromptEncoder(PromptTemplate("<s>", "<|emotion|>", words | {"joy": ("sadnessy",)}), BYTE_LEVEL)
    with pytest.raises(ConfigError, match="last space"):
        PromptEncoder(PromptTemplate("<s>", " it is sa", words), BYTE_LEVEL)
