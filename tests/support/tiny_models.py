"""Tiny tokenizers and random Llama models, made on the spot: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sentencepiece import SentencePieceProcessor
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from monitor.labels import CRITERIA, EMOTIONS
from monitor.model.prompts import PromptTemplate
from monitor.model.symptoms import SymptomsQuestion

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

SPECIAL_TOKENS = ["<pad>", "<s>", "<|text|>", "<|emotion|>"]
# A word for each emotion, by which the texts of a training test can be told apart.
WORDS = {
    "sadness": "lost",
    "joy": "sun",
    "love": "heart",
    "anger": "angry",
    "fear": "afraid",
    "surprise": "what",
}
SENTENCES = [
    "i feel so very sad and alone today",
    "i am full of joy and love for the summer",
    "she was angry with fear in her heart",
    "what a surprise it was to see them all again",
    "im feeling a little lost and low but the sun is out",
]


def byte_level_tokenizer(*, symptoms: bool = False, words: bool = False) -> Tokenizer:
    """A byte-level BPE with lower-casing and four special tokens; every ` emotion` is one token.

    `symptoms` adds the special token of the symptoms question and makes its words one token each, `words` the
    latter alone.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = (*EMOTIONS, *CRITERIA, "any", "none") if symptoms or words else EMOTIONS
    special = [*SPECIAL_TOKENS, "<|symptoms|>"] if symptoms else SPECIAL_TOKENS
    corpus = [*SENTENCES * 20, *[f" {name}" for name in names] * 50]
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special],
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def one_token_template() -> PromptTemplate:
    """The template of a fine-tuned prompt: special tokens around the text, labels of one token."""
    words = {emotion: (f" {emotion}",) for emotion in EMOTIONS}
    return PromptTemplate("<s><|text|>", "<|emotion|>", words)


def tree_template() -> PromptTemplate:
    """A template whose labels are several tokens with the byte-level tokenizer, one of them in two words."""
    words: dict[str, tuple[str, ...]] = {emotion: (emotion,) for emotion in EMOTIONS}
    words["joy"] = ("joy", "delight")
    return PromptTemplate("<s>What is felt?\nText: ", "\nEmotion:<|emotion|>", words)


def symptoms_question(after: str = "<|symptoms|>") -> SymptomsQuestion:
    """The symptoms question in the words that are one token with the byte-level tokenizer."""
    return SymptomsQuestion(after, {name: f" {name}" for name in CRITERIA})


def metaspace_tokenizer(model_file: Path) -> Tokenizer:
    """The sentencepiece model of Llama 2 as the fast tokenizer that its tokenizer.json describes."""
    pieces = SentencePieceProcessor(model_file=str(model_file))
    vocab = {pieces.id_to_piece(index): index for index in range(len(pieces))}
    # A sentencepiece BPE ranks its merges by the score of the piece they make, then by length.
    ranked = [
        (-pieces.get_score(index), len(left), len(right), left, right)
        for piece, index in vocab.items()
        for cut in range(1, len(piece))
        if (left := piece[:cut]) in vocab and (right := piece[cut:]) in vocab
    ]
    pairs = [(left, right) for *_, left, right in sorted(ranked)]
    tokenizer = Tokenizer(models.BPE(vocab, pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")]
    )
    return tokenizer


def tiny_llama(vocab_size: int, seed: int = 0, **shape: Any) -> LlamaForCausalLM:
    """A random Llama in fp32 with grouped-query attention; weights large enough that scores differ."""
    from transformers import LlamaConfig, LlamaForCausalLM  # takes seconds, so not at the top

    torch.manual_seed(seed)
    config = LlamaConfig(
        **{
            "vocab_size": vocab_size,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
            "initializer_range": 0.1,
            **shape,
        }
    )
    return LlamaForCausalLM(config).eval()
