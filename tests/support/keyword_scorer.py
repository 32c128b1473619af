"""A scorer that computes P(emotion) from the words of a text, so that the pipeline runs without a model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from monitor.labels import EMOTIONS, RiskMap
from monitor.model.prompts import PromptTemplate
from monitor.scoring.scores import PieceScores


@dataclass(frozen=True)
class KeywordModel:
    """The attributes of a model that the jobs read."""

    model_id: str = "keywords-1"
    name: str = "keywords"
    base: str = "none"
    quantisation: str = "none"
    adapter: str | None = None
    temperature: float = 1.0
    exponent: float = 1.0
    sureness: float = 0.0
    prompt: PromptTemplate = field(
        default_factory=lambda: PromptTemplate("text:", "emotion:", {word: (f" {word}",) for word in EMOTIONS})
    )
    risk_map: RiskMap = field(default_factory=RiskMap)
    max_text_tokens: int = 256
    criteria_limits: Mapping[str, float] | None = None
    evaluation: Path | None = None
    network: object = None
    device: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(type="cpu"))


@dataclass(frozen=True)
class KeywordScores:
    """Like `Scores` of monitor/scoring/scorer.py; shapes (n, 6), (n,) and (n,)."""

    probabilities: np.ndarray
    n_tokens: np.ndarray
    truncated: np.ndarray
    criteria: np.ndarray | None = None
    any: np.ndarray | None = None
    peak_high: np.ndarray | None = None
    n_pieces: np.ndarray | None = None
    n_tokens_read: np.ndarray | None = None
    pieces: PieceScores | None = None


class KeywordScorer:
    """Gives each emotion that a text names eight times the weight; after `die_after` texts it raises an error."""

    def __init__(self, model: KeywordModel | None = None, die_after: int | None = None) -> None:
        self.model = model or KeywordModel()
        self.seen: list[str] = []
        self._die_after = die_after

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> KeywordScores:
        if self._die_after is not None and len(self.seen) + len(texts) > self._die_after:
            raise RuntimeError("out of memory while scoring: " + texts[0])
        self.seen += texts
        weights = np.array([[8.0 if word in text else 1.0 for word in EMOTIONS] for text in texts])
        n_tokens = np.array([len(text.split()) for text in texts], dtype=np.int32)
        if progress is not None:
            progress(len(texts))
        return KeywordScores(weights / weights.sum(axis=1, keepdims=True), n_tokens, n_tokens > 50)
