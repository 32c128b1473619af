"""Train the embedded model's adapter on from where it is, on a CPU; no test. The model's card calls this step 6.

    python -m tests.training.continue_embedded START OUT --data ../shared/data --seed 1

START is the model of step 5, and about twenty minutes on two cores make OUT. The adapter sees a part of what `train`
draws for the recipe `embedded`, the newest hands of the symptom corpus more often, its own answers to unlabelled
texts, so that it keeps them, and posts of two forums as a weak sign of suicidal intent.
tests/scoring/measure_signal.py measures what comes out.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from monitor.corpora.contrasts import read_contrasts
from monitor.corpora.examples import Examples
from monitor.corpora.mixture import training_list
from monitor.corpora.sources import twin_key
from monitor.corpora.symptom_mixture import SENTENCE, SymptomSettings
from monitor.corpora.symptoms import load_symptoms
from monitor.model.files import read_tokenizer
from monitor.model.prompts import PromptEncoder
from monitor.training import continued
from monitor.training.checkpoint import load_trainable, pick_device, save_model
from monitor.training.finetuning import attach_adapter, fit
from monitor.training.fitted import fit_answers
from monitor.training.prepare import Prepared, prepare
from monitor.training.recipe import read_recipe
from tests.training.forum_halves import FORUMS, is_trained_on, suicidal_factor, with_odds_times
from tests.training.measure_trained import ANY, SUICIDAL, Reader

NEW_HANDS = tuple("qrstuv")
NEW_TIMES = 1  # beside the two of the whole corpus
CORPUS, NEUTRAL, EMOTIONAL, COMPOSITES, TWEETS_TIMES = 12_000, 4_000, 3_500, 4_000, 3
UNITS, POSTS = 5_000, 2_500  # an epoch, of the texts with the adapter's own answers
UNIT_POOL, POST_POOL, A_FILE = 16_000, 4_000, 6_000
ODDS, WEAK_TIMES = 10.0, 4  # of P(suicidal) of a post, by its forum
CALIBRATED_ON = "p"  # this hand of the test files, because the base saw the validation hand
MADE_BY_TEACHERS = ("units_file", "posts_file", "topics_file")


def unlabelled(folder: Path) -> tuple[list[str], list[str]]:
    """Stretches of one to three sentences, and posts, of the pretraining text."""
    random = np.random.default_rng(5)
    texts: list[str] = []
    for path in sorted(folder.glob("*.parquet")):
        column = pq.read_table(path, columns=["text"])["text"]
        texts += [column[int(row)].as_py() for row in random.choice(len(column), A_FILE, replace=False)]
    random.shuffle(texts)
    units = []
    for text in texts[:-POST_POOL]:
        if parts := [part for part in SENTENCE.split(text) if part.strip()]:
            first = int(random.integers(len(parts)))
            unit = " ".join(parts[first : first + int(random.integers(1, 4))])
            if 15 < len(unit) < 400:
                units.append(unit)
    return units[:UNIT_POOL], [text[:1200] for text in texts[-POST_POOL:]]


def forum_posts(reader: Reader, folder: Path) -> Examples:
    """Half of the posts of two forums, with the odds of P(suicidal) moved by what their forum says."""
    (posts,) = (one for one in read_contrasts(folder) if one.name == FORUMS)
    rows = [row for row, text in enumerate(posts.texts) if is_trained_on(text)]
    texts = [posts.texts[row][:1400] for row in rows]
    factors = np.array(
        [
            suicidal_factor(text, ODDS, in_suicide_forum=bool(posts.positive[row]))
            for text, row in zip(texts, rows, strict=True)
        ]
    )
    answers = reader.answers(texts)
    criteria = answers.criteria.copy()
    criteria[:, SUICIDAL] = with_odds_times(criteria[:, SUICIDAL].clip(0.01, 0.98), factors)
    criteria[:, ANY] = np.maximum(criteria[:, ANY], criteria[:, SUICIDAL])
    return replace(answers, criteria=criteria.astype(np.float32))


class Epochs:
    """Draws the examples of each epoch."""

    def __init__(self, prepared: Prepared, reader: Reader, data: Path, seed: int) -> None:
        self._prepared, self._seed = prepared, seed
        units, posts = unlabelled(data / "pretrain")
        self._drawn = [(reader.answers(units), UNITS), (reader.answers(posts), POSTS)]
        splits = load_symptoms("embedded")
        hands = splits["train"].hands
        new = splits["train"].select(np.array([hand in NEW_HANDS for hand in hands], np.bool_)).examples()
        self.forum_posts = forum_posts(reader, data / "external")
        self._whole = [*[self.forum_posts] * WEAK_TIMES, *[new] * NEW_TIMES]
        self._held_out = {twin_key(text) for name in ("validation", "test") for text in splits[name].texts}

    def __call__(self, index: int) -> Examples:
        random = np.random.default_rng([self._seed, index, 9])
        base = self._prepared.epoch(index)
        # The emotion corpus comes first, then the neutral comments, whose answer to the symptoms question is known.
        corpus = np.arange(np.argmax(base.criteria_weights > 0))
        left_out = random.choice(corpus, max(0, len(corpus) - CORPUS), replace=False)
        parts = [base.select(np.setdiff1d(np.arange(len(base.texts)), left_out))]
        for examples, count in self._drawn:
            parts.append(examples.select(random.choice(len(examples.texts), count, replace=False)))
        joined = Examples.joined([*parts, *self._whole])
        return joined.select(np.array([twin_key(text) not in self._held_out for text in joined.texts], np.bool_))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=8e-4)
    given = parser.parse_args()
    recipe = read_recipe("embedded", {"seed": given.seed, "rate": given.rate, "epochs": 1})
    assert recipe.mixture is not None
    recipe = recipe._replace(
        files={key: name for key, name in recipe.files.items() if key not in MADE_BY_TEACHERS},
        mixture=replace(recipe.mixture, neutral=NEUTRAL, emotional=EMOTIONAL),
        symptoms=SymptomSettings(repeats=2, composites=COMPOSITES, semeval=TWEETS_TIMES, seed=given.seed),
    )
    prepared = prepare(str(given.data / "emotion"), recipe, None, None)
    source = continued.open_source(None, given.start)
    assert source.adapter is not None
    settings = continued.settings_of(source.adapter, recipe.adapter)
    prompt = source.manifest.prompt
    encoder = PromptEncoder(prompt, read_tokenizer(source.base))
    network = attach_adapter(load_trainable(source.base, pick_device("cpu"), dense=True), settings)
    continued.load_adapter(network, source.adapter)
    epochs = Epochs(prepared, Reader(network, encoder), given.data, given.seed)
    validation = Examples.from_labels(prepared.validation.texts, prepared.validation.labels)
    fit(network, encoder, epochs, validation, settings, lambda record: print(record, flush=True))
    test = load_symptoms("embedded")["test"]
    hand = test.select(np.array([hand == CALIBRATED_ON for hand in test.hands], np.bool_))
    prepared = prepared._replace(symptoms=hand)
    fitted = fit_answers(network, encoder, prepared, recipe.calibration, settings.max_text_tokens, print)
    save_model(network, source, given.out, name="emotion-llama", prompt=prompt, **fitted._asdict())
    seen = training_list([*prepared.texts, *epochs.forum_posts.texts])
    np.save(given.out / "training_list.npy", np.union1d(continued.trained_before(source), seen))


if __name__ == "__main__":
    main()
