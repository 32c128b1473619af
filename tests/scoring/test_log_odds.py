"""The log-odds that explanations rest on."""

import numpy as np

from monitor.labels import EMOTIONS, RiskMap
from monitor.scoring.scorer import LabelScorer
from tests.scoring.test_pieces import LONG, model

__all__ = ["model"]


def test_the_log_odds_set_high_risk_against_the_rest(model) -> None:  # type: ignore[no-untyped-def]
    scorer = LabelScorer(model)
    odds, symptoms = scorer.log_odds(["i am sad", LONG, "i am sad"])
    likelihoods = np.exp(scorer.log_likelihoods(["i am sad", LONG, "i am sad"]))
    sad = likelihoods[:, EMOTIONS.index("sadness")]
    np.testing.assert_allclose(odds, np.log(sad / (likelihoods.sum(axis=1) - sad)), atol=1e-9)
    assert symptoms is not None
    np.testing.assert_array_equal(symptoms, scorer.symptom_logits(["i am sad", LONG, "i am sad"]))


def test_a_map_without_high_risk_has_no_odds(model) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    calm = RiskMap(dict.fromkeys(EMOTIONS, "low_risk"))
    odds, _ = LabelScorer(replace(model, risk_map=calm)).log_odds(["i am sad"])
    assert odds.tolist() == [0]
