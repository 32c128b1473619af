"""Train the embedded model on the answers of teachers; no test. The model's card calls these its last steps.

    python -m tests.training.retrain_embedded LABELLED OUT --data ../shared/data [--tune] [--device cuda]

LABELLED is what `tests.training.teachers label` wrote. Without --tune the adapter of --start is trained on; with it
all weights of its base are tuned first, and a new adapter is trained on that. The result is not calibrated:
`tests.training.calibrate_embedded` does that, on any machine. What the model answers to external sets and to our
probe sentences is printed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from monitor.corpora.contrasts import read_contrasts
from monitor.corpora.examples import Examples
from monitor.corpora.mixture import Mixture, MixtureSettings, training_list, without_twins
from monitor.corpora.sources import read_comments, read_extra, read_isear, read_semeval, read_texts, twin_key
from monitor.corpora.splits import load_splits
from monitor.corpora.symptom_mixture import MARKS, SymptomMixture, SymptomSettings, topic_examples
from monitor.corpora.symptoms import load_symptoms
from monitor.labels import ANSWERS, EMOTIONS
from monitor.model.calibration import Calibration
from monitor.model.files import read_tokenizer
from monitor.model.prompts import PromptEncoder
from monitor.training import continued
from monitor.training.checkpoint import load_base, load_trainable, pick_device, save_base, save_model
from monitor.training.finetuning import TrainSettings, attach_adapter, fit
from monitor.training.instruction import InstructionSettings, tune
from tests.training.forum_halves import FORUMS, is_trained_on, suicidal_factor, with_odds_times
from tests.training.measure_trained import ANY, SUICIDAL, Reader, measure
from tests.training.readings import Readings, read_readings

EVERYDAY = 2000
SADNESS = EMOTIONS.index("sadness")
NEW_HANDS = ("q", "r", "s", "t", "u", "v", "x", "aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "ai")


@dataclass(frozen=True)
class Shares:
    """Texts of an epoch, by source; the corpus of symptoms and the tweets are drawn so many times.

    odds: of P(suicidal) of a post of r/SuicideWatch, and divided by it of r/depression. low_odds: of sadness and
    P(any) of a post of both. intent_posts: times that these posts are drawn beside. mistaken: times that a stretch is
    drawn which the model of the start takes for suicidal (P(suicidal) above mistaken_above, not calibrated) and the
    teachers do not (below mistaken_below). unit_trust, unit_emotion_trust: weight of the teachers beside the model of
    the start in the targets of stretches, of criteria as logits and of emotions; post_trust: of criteria of posts,
    whose emotions are those of the start. readings: times that the passages of tests/training/readings.py are drawn,
    whose emotion counts so much (reading_emotion) beside the answer of the start. post_emotion_trust: weight of the
    teachers in the emotions of posts. sureness: with --symptom-emotions, how far the target of a symptom text that is
    sad, marked or severe moves on to sadness alone. temperature: what calibration will divide the network's scores
    by; targets that name an emotion are sharpened by it, so that the calibrated answer is near the target.
    """

    corpus: int = 24_000
    neutral: int = 11_000
    emotional: int = 8_000
    symptoms: int = 2
    new_hands: int = 2
    composites: int = 7_000
    tweets: int = 4
    isear: int = 1
    topics: int = 7_000
    units: int = 30_000
    forum_units: int = 22_000
    posts: int = 6_000
    forum_posts: int = 8_000
    intent_posts: int = 0
    mistaken: int = 3
    mistaken_above: float = 0.25
    mistaken_below: float = 0.1
    odds: float = 10.0
    low_odds: float = 1.0
    topic_share: float = 0.6
    unit_trust: float = 0.4
    unit_emotion_trust: float = 0.5
    post_trust: float = 0.0
    readings: int = 0
    reading_emotion: float = 0.5
    post_emotion_trust: float = 0.0
    sureness: float = 0.0
    temperature: float = 1.0


def sharpened(shares: npt.NDArray[Any], power: float) -> npt.NDArray[np.float32]:
    """Shares (n, 6) whose logarithms are `power` times as far apart."""
    powers = np.maximum(shares, 1e-6) ** power
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def read_labelled(path: Path) -> tuple[Examples, npt.NDArray[np.str_]]:
    """The pool with the teachers' answers as targets, and each text's kind."""
    table = pq.read_table(path).to_pydict()
    shares = (np.array([table[name] for name in (*EMOTIONS, *(f"s_{name}" for name in ANSWERS))]).T / 255).astype(
        "f4"
    )
    emotions = shares[:, : len(EMOTIONS)] / np.maximum(shares[:, : len(EMOTIONS)].sum(axis=1, keepdims=True), 1e-6)
    ones = np.ones(len(shares), np.float32)
    return Examples(table["text"], emotions, ones, shares[:, len(EMOTIONS) :], ones), np.array(table["kind"])


class Epochs:
    """Draws the examples of each epoch."""

    def __init__(
        self, data: Path, labelled: Path, shares: Shares, seed: int, topics: Path, own: Path | None = None
    ) -> None:
        self.shares, self.seed = shares, seed
        splits, symptoms = (
            load_splits(str(data / "emotion"), required=("train", "validation", "test")),
            load_symptoms("embedded"),
        )
        self.splits, self.symptoms = splits, symptoms
        held_out = [part[name] for part in (splits, symptoms) for name in ("validation", "test")]
        train, _ = without_twins(splits["train"], held_out)
        extra, _ = without_twins(read_extra(data / "emotion" / "unsplit_extra.parquet"), held_out)
        external = data / "external"
        self.comments = read_comments(external / "goemotions_train_dev.parquet")
        settings = MixtureSettings(neutral=0, emotional=0, trust=0.4, drop=0.08, negate=0.03, seed=seed)
        self.corpus = Mixture([train, extra], self.comments, settings)
        self.held_out = {twin_key(text) for split in held_out for text in split.texts}
        pool, kinds = read_labelled(labelled)
        free = np.array([twin_key(text) not in self.held_out for text in pool.texts], np.bool_)
        pool, self.kinds = pool.select(free), kinds[free]
        self.kinds[np.flatnonzero(self.kinds == "post")[:EVERYDAY]] = "everyday"  # diaries, which measure
        self.mistaken = np.zeros(len(pool.texts), np.bool_)
        if own is not None:
            pool = self._blended(pool, own)
        self.pool = self._with_forums(pool, external)
        calm = [self.comments.texts[row] for row in np.flatnonzero(self.comments.neutral)]
        calm += [pool.texts[row] for row in np.flatnonzero((self.kinds == "post") & (pool.criteria[:, ANY] < 0.08))]
        whole = [(read_isear(external / "isear.parquet"), shares.isear)]
        whole.append((read_semeval(external / "semeval2018_ec_train_dev.parquet"), shares.tweets))
        drawn = [(topic_examples(read_texts(topics), shares.topic_share), shares.topics)]
        own = SymptomSettings(repeats=shares.symptoms, composites=shares.composites, seed=seed)
        self.mixture = SymptomMixture(symptoms["train"], calm, whole, drawn, own)
        new = np.array([hand in NEW_HANDS for hand in symptoms["train"].hands], np.bool_)
        self.new_hands = symptoms["train"].select(new).examples()
        self.readings = self._free_readings(data) if shares.readings else None
        self.read: Examples | None = None  # with targets, which need the network's answers

    def _free_readings(self, data: Path) -> Readings:
        """The passages that train, none of which shares its beginning with a held-out text."""
        readings = read_readings(data)
        free = np.array([twin_key(text) not in self.held_out for text in readings.texts], np.bool_)
        return readings.select(free & ~readings.held)

    def answer_readings(self, reader: Reader, emotion_trust: float) -> None:
        """Give the passages their targets; the network answers where a reader was not sure."""
        if self.readings is not None:
            texts = self.readings.texts
            emotions, criteria = (
                part.astype(np.float32) for part in (reader.emotions(texts), reader.criteria(texts))
            )
            calibrated = sharpened(emotions, 1 / self.shares.temperature)
            read = self.readings.examples(calibrated, criteria, emotion_trust)
            self.read = replace(read, targets=sharpened(read.targets, self.shares.temperature))

    def _blended(self, pool: Examples, own: Path) -> Examples:
        """The pool with answers of the model of the start as targets, for stretches mixed with the teachers'."""
        answers, shares = np.load(own), self.shares
        short = np.isin(self.kinds, ("unit", "forum unit"))[:, None]
        trust, emotion_trust = (
            np.where(short, shares.unit_trust, shares.post_trust),
            np.where(short, shares.unit_emotion_trust, shares.post_emotion_trust),
        )
        logits = [
            np.log(part.clip(1e-4, 1 - 1e-4)) - np.log1p(-part.clip(1e-4, 1 - 1e-4))
            for part in (answers["criteria"], pool.criteria)
        ]
        criteria = 1 / (1 + np.exp(-((1 - trust) * logits[0] + trust * logits[1])))
        calibrated = sharpened(answers["emotions"], 1 / shares.temperature)
        emotions = sharpened((1 - emotion_trust) * calibrated + emotion_trust * pool.targets, shares.temperature)
        self.mistaken = (
            short[:, 0]
            & (answers["criteria"][:, SUICIDAL] > shares.mistaken_above)
            & (pool.criteria[:, SUICIDAL] < shares.mistaken_below)
        )
        criteria[self.mistaken, SUICIDAL] = pool.criteria[self.mistaken, SUICIDAL]
        print(f"mistaken for suicidal: {int(self.mistaken.sum()):,}", flush=True)
        return replace(pool, targets=emotions.astype(np.float32), criteria=criteria.astype(np.float32))

    def _with_forums(self, pool: Examples, external: Path) -> Examples:
        """The odds of P(suicidal) of posts of two forums moved by what their forum says; a weak sign."""
        (posts,) = (one for one in read_contrasts(external) if one.name == FORUMS)
        forum_of = {
            text[:200]: flag for text, flag in zip(posts.texts, posts.positive, strict=True) if is_trained_on(text)
        }
        criteria, emotions = pool.criteria.copy(), pool.targets.copy()
        self.of_intent = np.zeros(len(pool.texts), np.bool_)
        for row in np.flatnonzero(self.kinds == "forum post"):
            text = pool.texts[row]
            if text[:200] in forum_of:
                self.of_intent[row] = True
                factor = suicidal_factor(text, self.shares.odds, in_suicide_forum=bool(forum_of[text[:200]]))
                criteria[row, SUICIDAL] = with_odds_times(criteria[row, SUICIDAL].clip(0.01, 0.98), factor)
                criteria[row, ANY] = with_odds_times(criteria[row, ANY].clip(0, 0.999), self.shares.low_odds)
                criteria[row, ANY] = max(criteria[row, ANY], criteria[row, SUICIDAL])
                emotions[row, 0] *= self.shares.low_odds
                emotions[row] /= emotions[row].sum()
        return replace(pool, criteria=criteria, targets=emotions)

    def sure_symptoms(self) -> Examples:
        """The symptom texts whose emotion is known, with and without punctuation; see Shares.sureness."""
        own = self.mixture.examples
        sure = (self.symptoms["train"].severity >= 2) & (own.targets.argmax(axis=1) == SADNESS)
        sad = np.eye(len(EMOTIONS), dtype=np.float32)[SADNESS]
        moved = np.where(sure[:, None], self.shares.sureness, 0) * (sad - own.targets)
        targets = sharpened(own.targets + moved, self.shares.temperature)
        known = replace(own, targets=targets).select(np.flatnonzero(own.weights))
        return known + replace(known, texts=[MARKS.sub(" ", text) for text in known.texts])

    @property
    def texts(self) -> list[str]:
        """Every text that an epoch may hold."""
        pool = self.pool.select(self.kinds != "everyday")
        texts = [*self.corpus.texts, *self.comments.texts, *self.mixture.texts, *pool.texts]
        texts += [] if self.readings is None else self.readings.texts
        return [text for text in texts if twin_key(text) not in self.held_out]

    def others(self, index: int) -> Examples:
        """An epoch without the emotion corpus."""
        random = np.random.default_rng([self.seed, index, 9])
        comments, shares = self.comments.examples(), self.shares
        soft = replace(comments, targets=(0.9 * comments.targets + 0.1 / len(EMOTIONS)).astype(np.float32))
        flat, felt = np.flatnonzero(self.comments.neutral), np.flatnonzero(~self.comments.neutral)
        chosen = [
            random.choice(flat, shares.neutral, replace=False),
            random.choice(felt, shares.emotional, replace=False),
        ]
        parts = [soft.select(np.concatenate(chosen)), self.mixture.epoch(index)]
        parts += [self.new_hands] * shares.new_hands
        counts = {
            "unit": shares.units,
            "forum unit": shares.forum_units,
            "post": shares.posts,
            "forum post": shares.forum_posts,
        }
        for kind, count in counts.items():
            rows = np.flatnonzero(self.kinds == kind)
            parts.append(self.pool.select(random.choice(rows, min(count, len(rows)), replace=False)))
        parts += [self.pool.select(self.mistaken)] * shares.mistaken
        parts += [self.pool.select(self.of_intent)] * shares.intent_posts
        parts += [] if self.read is None else [self.read] * shares.readings
        joined = Examples.joined(parts)
        return joined.select(np.array([twin_key(text) not in self.held_out for text in joined.texts], np.bool_))

    def __call__(self, index: int) -> Examples:
        random = np.random.default_rng([self.seed, index, 7])
        corpus = self.corpus.epoch(index)
        rows = random.choice(len(corpus.texts), min(self.shares.corpus, len(corpus.texts)), replace=False)
        return corpus.select(rows) + self.others(index)


def with_emotions_of(reader: Reader, epochs: Sequence[Examples], kept: Sequence[Examples]) -> list[Examples]:
    """The epochs with the network's own emotions as targets, so that it keeps them while it learns the criteria.

    Texts of `kept` keep their targets.
    """
    texts = list(dict.fromkeys(text for epoch in epochs for text in epoch.texts))
    row_of = {text: row for row, text in enumerate(texts)}
    emotions = reader.emotions(texts).astype(np.float32)
    for part in kept:
        rows = [row for row, text in enumerate(part.texts) if text in row_of]
        emotions[[row_of[part.texts[row]] for row in rows]] = part.targets[rows]
    return [replace(epoch, targets=emotions[[row_of[text] for text in epoch.texts]]) for epoch in epochs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--topics", type=Path, required=True, help="Parquet file of texts about depression.")
    parser.add_argument("--start", default="embedded")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--fresh", action="store_true", help="A new adapter, not that of --start.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--tune-epochs", type=int, default=2)
    parser.add_argument("--tune-rate", type=float, default=5e-4)
    parser.add_argument("--write-own", action="store_true", help="Write the start's answers to LABELLED as OUT.")
    parser.add_argument("--own", type=Path, help="What --write-own wrote.")
    parser.add_argument("--shares", default="{}", help="JSON object of Shares.")
    parser.add_argument(
        "--keep-emotions", action="store_true", help="Train the criteria; emotions are those of --start."
    )
    parser.add_argument(
        "--symptom-emotions", action="store_true", help="With --keep-emotions: but learn those of symptom texts."
    )
    given = parser.parse_args()
    started = time.monotonic()

    def clock(what: str) -> None:
        print(f"[{time.monotonic() - started:.0f} s] {what}", flush=True)

    device = pick_device(given.device)
    shares = Shares(**json.loads(given.shares))
    epochs = Epochs(given.data, given.labelled, shares, given.seed, given.topics, given.own)
    clock("texts are read")
    source = continued.open_source(None, given.start)
    assert source.adapter is not None
    prompt = source.manifest.prompt
    encoder = PromptEncoder(prompt, read_tokenizer(source.base))
    adapter = TrainSettings(
        r=32, alpha=64, dropout=0.0, epochs=given.epochs, batch=128, accumulation=2, rate=given.rate, seed=given.seed,
        targets=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    )  # fmt: skip
    settings = continued.settings_of(source.adapter, adapter)
    network = attach_adapter(load_trainable(source.base, device, dense=True), settings)
    continued.load_adapter(network, source.adapter)
    if given.write_own:
        reader, pool = Reader(network, encoder), list(epochs.pool.texts)
        np.savez(given.out, emotions=reader.emotions(pool).astype("f4"), criteria=reader.criteria(pool).astype("f4"))
        clock("the pool is answered")
        return
    if given.fresh:
        network = attach_adapter(load_trainable(source.base, device, dense=True), settings)
    if given.tune:
        base, tokenizer = load_base(given.start)
        instructed = InstructionSettings(
            epochs=given.tune_epochs,
            texts=512,
            batch=512 if device.type == "cuda" else 64,
            rate=given.tune_rate,
            seed=given.seed,
        )
        tune(
            base,
            encoder,
            epochs.others,
            instructed,
            device=str(device),
            report=lambda record: print(record, flush=True),
        )
        save_base(base.cpu(), tokenizer, given.out / "tuned", "emotion-llama-base", prompt)
        source = replace(source, path=given.out / "tuned", base=given.out / "tuned" / "base", adapter=None)
        clock("the base is tuned")
        network = attach_adapter(load_trainable(source.base, device, dense=True), settings)
    draw: Callable[[int], Examples] = epochs
    own_reader = Reader(network, encoder)
    epochs.answer_readings(own_reader, shares.reading_emotion)
    if given.keep_emotions:
        drawn = [epochs(index) for index in range(given.epochs)]
        kept = [epochs.pool] if given.own else []  # stretches and posts: the start's answers mixed with the teachers'
        kept += [] if epochs.read is None else [epochs.read]
        kept += [epochs.sure_symptoms()] if given.symptom_emotions else []
        draw = with_emotions_of(own_reader, drawn, kept).__getitem__
        clock("the epochs are answered")
    validation = Examples.from_labels(epochs.splits["validation"].texts, epochs.splits["validation"].labels)

    def report(record: dict[str, float]) -> None:
        if record["step"] % 200 == 0 or "accuracy" in record:
            print({key: round(value, 4) for key, value in record.items()}, flush=True)

    fit(network, encoder, draw, validation, replace(settings, evaluations=0), report)
    clock("the adapter is trained:")
    save_model(network, source, given.out / "model", name="emotion-llama", prompt=prompt, calibration=Calibration())
    everyday = [epochs.pool.texts[row] for row in np.flatnonzero(epochs.kinds == "everyday")]
    measure(Reader(network, encoder), epochs.splits["test"], epochs.symptoms["test"], everyday, given.data)
    np.save(given.out / "model" / "training_list.npy", training_list(epochs.texts))
    clock("done")


if __name__ == "__main__":
    main()
