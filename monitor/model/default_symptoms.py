"""The symptoms question for a model that has none: training adds it to the prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from monitor.labels import CRITERIA
from monitor.model.prompts import PromptEncoder, PromptTemplate
from monitor.model.symptoms import SymptomsQuestion

SYMPTOMS_TOKEN = "<|symptoms|>"
PLAIN_SUFFIX = "\nSymptoms:"
# For criteria whose own name is several tokens; each is one token of the Llama-2 tokenizer.
OTHER_WORDS = {
    "mood": "low",
    "hopeless": "hope",
    "suicidal": "death",
    "psychomotor": "rest",
    "concentration": "focus",
    "appetite": "food",
    "irritable": "anger",
}


def with_symptoms(template: PromptTemplate, tokenizer: Any) -> PromptTemplate:
    """The template with its own symptoms question, or with the default one if the template has none.

    The question's suffix is SYMPTOMS_TOKEN if `tokenizer` (a `tokenizers.Tokenizer`) has that token, else
    PLAIN_SUFFIX. The word of a criterion is the criterion's name if the name is one token. Otherwise the word is the
    special token `<|name|>` if the tokenizer has that token, else the criterion's word in OTHER_WORDS.
    """
    if template.symptoms is not None:
        return template
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    after = SYMPTOMS_TOKEN if SYMPTOMS_TOKEN in special else PLAIN_SUFFIX
    encoder, words = PromptEncoder(template, tokenizer), {}
    for name in CRITERIA:
        words[name] = f" {name}"
        if len(encoder.word_ids(words[name], after)) > 1:
            token = f"<|{name}|>"
            words[name] = token if token in special else f" {OTHER_WORDS.get(name, name)}"
    return replace(template, symptoms=SymptomsQuestion(after, words))
