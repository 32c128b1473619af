"""The symptom corpus: short texts with the criteria that each shows in its writer, and their severity.

A file holds one JSON object a line, plain or compressed by gzip: `text`, `criteria` (names of CRITERIA, [] for none),
`severity` (0 to 3, 0 exactly where `criteria` is empty), `kind` (one of KINDS), and optionally `emotion` (one of
EMOTIONS, or "none") and `hand` (who wrote it). A folder holds train, validation and test files; the files of the
package are made of the writers' own by

    python -m monitor.corpora.symptoms build FOLDER...
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor import ROOT
from monitor.corpora.examples import Examples
from monitor.corpora.sources import FLAT, twin_key
from monitor.errors import DataError
from monitor.json_keys import RepeatedKeyError, each_once
from monitor.labels import CRITERIA, EMOTIONS

EMBEDDED = "embedded"
EMBEDDED_FOLDER = ROOT / "monitor" / "assets" / "symptoms"
SPLITS = ("train", "validation", "test")
HANDS = {"test": ("o", "p"), "validation": ("d",)}  # writers of the package's files; train has all others
HITS = ("present", "negated_present", "wish_for_help")
KINDS = (
    *HITS,
    *("negated", "recovered", "past", "other_person", "fiction_news", "idiom", "somatic", "question_advice"),
    *("positive", "neutral"),
)
SHARES = (0.45, 0.78, 0.97)  # the target of a criterion that a text shows mildly, markedly, severely
NAMED = (0.85, 0.80, 0.88, 0.96)  # by severity: share of a text's labelled emotion in its target; the rest is flat
LOW = (0.0, 0.50, 0.82, 0.96)  # by severity: share of the emotion that the criteria suggest
COUNTS = re.compile("(?<=<!-- counts -->\n).*?(?=<!-- end of counts -->)", re.DOTALL)
HELD_OUT = 10  # a single file holds out about every tenth text for validation
Row = dict[str, Any]


@dataclass(frozen=True)
class SymptomTexts:
    """Texts with their labels.

    Attributes:
        texts: n strings, none empty.
        shown: (n, 11) whether the text shows each criterion.
        severity: (n,) 0 to 3.
        kinds: n of KINDS.
        emotions: n of EMOTIONS or "none"; None where the file does not say.
        hands: n names of writers, "" where the file does not say.
    """

    texts: tuple[str, ...]
    shown: npt.NDArray[np.bool_]
    severity: npt.NDArray[np.int64]
    kinds: tuple[str, ...]
    emotions: tuple[str | None, ...]
    hands: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> SymptomTexts:
        """The texts chosen by a mask of shape (n,) or by indices."""
        rows = np.arange(len(self))[keep]
        texts, kinds, emotions, hands = (
            tuple(part[row] for row in rows) for part in (self.texts, self.kinds, self.emotions, self.hands)
        )
        return SymptomTexts(texts, self.shown[rows], self.severity[rows], kinds, emotions, hands)

    def examples(self, shares: Sequence[float] = SHARES) -> Examples:
        """The texts with targets of both questions. The target of a shown criterion is `shares[severity - 1]`."""
        share = np.array([0.0, *shares], np.float32)[self.severity]
        shown = np.concatenate([self.shown, self.shown.any(axis=1, keepdims=True)], axis=1)
        emotions = [
            _emotion_target(*row) for row in zip(self.emotions, self.shown, self.severity, self.kinds, strict=True)
        ]
        known = np.array([target is not None for target in emotions], np.float32)
        targets = np.array([FLAT if target is None else target for target in emotions], np.float32)
        return Examples.of_criteria(self.texts, shown * share[:, None], targets.reshape(-1, len(EMOTIONS)), known)


def _emotion_target(
    emotion: str | None, shown: npt.NDArray[np.bool_], severity: int, kind: str
) -> npt.NDArray[np.float64] | None:
    """The emotion target (6,) of a text: its own emotion, or what criteria and kind suggest; None if they do not."""
    if emotion is not None:
        return FLAT.astype(np.float64) if emotion == "none" else _mixed({emotion: NAMED[severity]})
    names = {name for name, seen in zip(CRITERIA, shown, strict=True) if seen}
    weight = LOW[severity]
    if names & {"mood", "hopeless", "interest", "worth", "suicidal"}:
        angry = 0.2 * weight if "irritable" in names else 0.0
        return _mixed({"sadness": weight - angry, "anger": angry})
    if "irritable" in names:
        return _mixed({"anger": weight} if len(names) == 1 else {"anger": weight * 0.5, "sadness": weight * 0.3})
    if names:
        return _mixed({"fear": weight * 0.5} if names == {"psychomotor"} else {"sadness": weight * 0.45})
    if kind in ("positive", "negated", "recovered"):
        return _mixed({"joy": 0.7 if kind == "positive" else 0.35})
    return None if kind in ("past", "other_person") else FLAT.astype(np.float64)


def _mixed(weights: dict[str, float]) -> npt.NDArray[np.float64]:
    rest = 1 - sum(weights.values())
    return np.array([weights.get(name, 0.0) + rest / len(EMOTIONS) for name in EMOTIONS])


def load_symptoms(source: str | Path) -> dict[str, SymptomTexts]:
    """Train and validation texts, and test texts where there are some.

    Args:
        source: "embedded", a folder of train, validation and perhaps test files (`.jsonl` or `.jsonl.gz`), or one
            such file, of which about a tenth is held out for validation, always the same texts.

    Raises:
        DataError: there is no such file, a split is missing, or a row is wrong.
    """
    path = EMBEDDED_FOLDER if source == EMBEDDED else Path(source)
    if path.is_file():
        whole = read_symptoms(path)
        digest = [hashlib.sha256(twin_key(text).encode()).digest()[0] for text in whole.texts]
        held_out = np.array(digest, np.int64) % HELD_OUT == 0
        return {"train": whole.select(~held_out), "validation": whole.select(held_out)}
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder; give symptom texts as JSON lines, or {EMBEDDED!r}")
    files = {name: [path / f"{name}{end}" for end in (".jsonl", ".jsonl.gz")] for name in SPLITS}
    present = {name: [file for file in both if file.is_file()] for name, both in files.items()}
    for name in SPLITS[:2]:
        if len(present[name]) != 1:
            raise DataError(f"{path}: give one {name}.jsonl or {name}.jsonl.gz")
    return {name: read_symptoms(both[0]) for name, both in present.items() if both}


def read_symptoms(path: Path) -> SymptomTexts:
    """The texts of a file.

    Raises:
        DataError: the file cannot be read, holds nothing, or a row is wrong.
    """
    rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path}: holds no rows; give at least one text")
    shown = np.array([[name in row["criteria"] for name in CRITERIA] for row in rows], np.bool_)
    severity = np.array([row["severity"] for row in rows], np.int64)
    texts, kinds = (tuple(row[key] for row in rows) for key in ("text", "kind"))
    emotions = tuple(row.get("emotion") for row in rows)
    return SymptomTexts(texts, shown, severity, kinds, emotions, tuple(row.get("hand", "") for row in rows))


def _rows(path: Path) -> Iterator[Row]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = raw.decode("utf-8-sig").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as JSON lines in UTF-8 ({error})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=each_once)
        except RepeatedKeyError as error:
            raise DataError(f"{path}, row {number}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, row {number}: not JSON ({error}); write one object per line") from error
        if fault := _fault(row):
            raise DataError(f"{path}, row {number}: {fault}; correct or remove the row")
        yield row


def _fault(row: Any) -> str | None:
    """The fault of a row, or None."""
    if not isinstance(row, dict):
        return "not a JSON object"
    text, criteria, severity = row.get("text"), row.get("criteria"), row.get("severity")
    if not isinstance(text, str) or not text.strip():
        return "text is empty or not a string"
    if not isinstance(criteria, list) or any(name not in CRITERIA for name in criteria):
        return f"criteria {criteria!r}: give a list of {', '.join(CRITERIA)}"
    if len(set(criteria)) < len(criteria):
        return f"criteria {criteria!r}: a name occurs twice"
    if isinstance(severity, bool) or severity not in (0, 1, 2, 3) or bool(severity) != bool(criteria):
        return f"severity {severity!r}: give 1, 2 or 3 where there are criteria, else 0"
    if row.get("kind") not in KINDS:
        return f"kind {row.get('kind')!r}: give one of {', '.join(KINDS)}"
    if "emotion" in row and row["emotion"] not in (*EMOTIONS, "none"):
        return f"emotion {row['emotion']!r}: give one of {', '.join(EMOTIONS)} or none"
    return None if isinstance(row.get("hand", ""), str) else f"hand {row['hand']!r}: not a string"


def build(folders: Iterable[Path], out: Path = EMBEDDED_FOLDER) -> dict[str, SymptomTexts]:
    """Write the writers' files `written_HAND.jsonl` of some folders as one compressed file a split.

    A text that occurs twice (case, spacing and marks aside) is kept once: in test before validation, and in
    validation before train. The counts in README.md of `out` are written anew.

    Raises:
        DataError: no such file, or a row is wrong.
    """
    hands = {file.stem.split("_", 1)[1]: file for folder in folders for file in folder.glob("written_*.jsonl")}
    if not hands:
        raise DataError("no file written_HAND.jsonl; give the folders that hold them")
    split_of = {hand: split for split, names in HANDS.items() for hand in names}
    rows: dict[str, list[Row]] = {name: [] for name in SPLITS}
    seen = set[str]()
    for split in reversed(SPLITS):
        for hand in sorted(hand for hand in hands if split_of.get(hand, "train") == split):
            for row in _rows(hands[hand]):
                if (key := twin_key(row["text"])) not in seen:
                    rows[split].append({"hand": hand} | row)
                    seen.add(key)
    out.mkdir(parents=True, exist_ok=True)
    for split, texts in rows.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in texts).encode()
        (out / f"{split}.jsonl.gz").write_bytes(gzip.compress(lines, 9, mtime=0))
    splits = {split: read_symptoms(out / f"{split}.jsonl.gz") for split in SPLITS}
    card = out / "README.md"
    if card.is_file():
        text = COUNTS.sub(lambda _: counts_table(splits), card.read_text(encoding="utf-8"))
        card.write_text(text, encoding="utf-8")
    return splits


def counts_table(splits: dict[str, SymptomTexts]) -> str:
    """Texts, hits, and hits by severity and criterion of each split, and misses by kind, as Markdown."""
    lines = [f"| | {' | '.join(splits)} |", f"| --- |{' ---: |' * len(splits)}"]

    def add(name: str, values: Iterable[object]) -> None:
        lines.append(f"| {name} | {' | '.join(map(str, values))} |")

    parts = list(splits.values())
    add("hands", (" ".join(sorted(set(part.hands))) for part in parts))
    add("texts", map(len, parts))
    add("of which show a criterion", (int((part.severity > 0).sum()) for part in parts))
    for level, name in enumerate(("mild", "marked", "severe"), start=1):
        add(f"{name}", (int((part.severity == level).sum()) for part in parts))
    for k, name in enumerate(CRITERIA):
        add(f"criterion: {name}", (int(part.shown[:, k].sum()) for part in parts))
    kinds = [Counter(part.kinds) for part in parts]
    for kind in KINDS:
        add(f"kind: {kind}", (count[kind] for count in kinds))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run as `python -m monitor.corpora.symptoms build FOLDER...`."""
    parser = argparse.ArgumentParser(prog="python -m monitor.corpora.symptoms")
    parser.add_argument("action", choices=["build"])
    parser.add_argument("folder", nargs="+", type=Path, help="Folders with written_HAND.jsonl files.")
    parser.add_argument("--out", type=Path, default=EMBEDDED_FOLDER)
    arguments = parser.parse_args()
    try:
        splits = build(arguments.folder, arguments.out)
    except DataError as error:
        parser.error(str(error))
    print(counts_table(splits))


if __name__ == "__main__":
    main()
