"""Gradient x input and attention, which the words of explanations are compared with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitor.explanation.occlusion import Answerer
from monitor.explanation.words import word_spans
from monitor.labels import EMOTIONS, RiskMap
from monitor.model.prompts import PromptTemplate
from monitor.scoring.saliency import SaliencyReader
from monitor.scoring.scorer import LabelScorer
from tests.scoring.test_scorer import loaded
from tests.support import tiny_models

TEXT = "i am very sad and low today"


@pytest.fixture(params=["one token", "tree"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SaliencyReader, LabelScorer]:
    trees = request.param == "tree"
    template: PromptTemplate = tiny_models.tree_template() if trees else tiny_models.one_token_template()
    model = loaded(tmp_path, tiny_models.byte_level_tokenizer(), template)[0]
    return SaliencyReader(model), LabelScorer(model)


def test_its_forward_pass_gives_the_scorers_log_odds(reader: tuple[SaliencyReader, LabelScorer]) -> None:
    saliency, scorer = reader
    assert isinstance(scorer, Answerer)
    for text in (TEXT, "x", "the sun is out and i love it!"):
        odds, _ = scorer.log_odds([text])
        found = saliency.weigh(text, word_spans(text, 0, len(text)))
        assert found.log_odds == pytest.approx(odds[0], abs=2e-2), "the scorer may multiply in bf16"


@pytest.mark.parametrize("level", ["low_risk", "high_risk"])
def test_a_map_with_one_level_for_all_emotions_has_log_odds_of_zero_in_both(tmp_path: Path, level: str) -> None:
    model = loaded(tmp_path, tiny_models.byte_level_tokenizer(), tiny_models.one_token_template())[0]
    model = replace(model, risk_map=RiskMap(dict.fromkeys(EMOTIONS, level)))
    found = SaliencyReader(model).weigh(TEXT, word_spans(TEXT, 0, len(TEXT)))
    assert found.log_odds == LabelScorer(model).log_odds([TEXT])[0][0] == 0
    assert not found.gradient.any()
    assert np.isfinite(found.attention).all()


def test_the_gradient_is_that_of_the_words_embeddings(reader: tuple[SaliencyReader, LabelScorer]) -> None:
    saliency, _ = reader
    words = word_spans(TEXT, 0, len(TEXT))
    exact = saliency.weigh(TEXT, words).gradient
    ids, spans = saliency._encoder.encode_with_spans(TEXT, 256)
    word = next(k for k, (first, last) in enumerate(words) if TEXT[first:last] == "sad")
    own = ids[(spans[:, 0] < words[word][1]) & (spans[:, 1] > words[word][0])]
    others = np.concatenate([np.setdiff1d(np.array(saliency._encoder.prefix_ids), own), np.setdiff1d(ids, own)])
    assert not set(own.tolist()) & set(others.tolist())
    whole, steps = saliency._embedding.float(), []
    for step in (1e-2, -1e-2):
        saliency._embedding = whole.clone()
        saliency._embedding[np.unique(own)] *= 1 + step
        steps.append(saliency.weigh(TEXT, words).log_odds)
    assert exact[word] == pytest.approx((steps[0] - steps[1]) / 2e-2, rel=0.05, abs=1e-3)


def test_attention_is_shared_among_words_and_the_prompt(reader: tuple[SaliencyReader, LabelScorer]) -> None:
    saliency, _ = reader
    shares = saliency.weigh(TEXT, word_spans(TEXT, 0, len(TEXT))).attention
    assert len(shares) == 7
    assert (shares > 0).all()
    assert shares.sum() < 1
