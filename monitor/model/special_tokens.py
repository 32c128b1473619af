"""Rename special tokens to names that no text contains.

Special tokens written in a text are then plain characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

FENCE = "\ufdd0"
"""A Unicode noncharacter, never valid in a text: it fences the names of special tokens."""


def rename(template: str, names: Mapping[str, str]) -> str:
    """The template with the special tokens under their new names."""
    for content, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        template = template.replace(content, name)
    return template


def fence_special_tokens(tokenizer: Any) -> tuple[Any, dict[str, str]]:
    """A copy of the tokenizer with special tokens that no text contains, and the map from old to new names."""
    return _fenced(tokenizer.to_str())


@lru_cache(maxsize=2)  # an evaluation calls this twenty times, and a large vocabulary takes half a second
def _fenced(tokenizer: str) -> tuple[Any, dict[str, str]]:
    state = json.loads(tokenizer)
    names = {token["content"]: f"{FENCE}{token['id']}{FENCE}" for token in state["added_tokens"] if token["special"]}
    for token in state["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): index for piece, index in model["vocab"].items()}
        # A token id outside the model's own vocabulary is kept only if the vocabulary names it.
        model["vocab"].update({token["content"]: token["id"] for token in state["added_tokens"]})
    else:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    state.update(post_processor=None, truncation=None, padding=None)
    return Tokenizer.from_str(json.dumps(state)), names
