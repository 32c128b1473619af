"""Labelled splits: every layout reads the same, and every fault names file, row, column and remedy."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.corpora.splits import Split, load_splits, read_hub, unseen
from monitor.errors import DataError
from monitor.labels import EMOTIONS

ROWS = [
    ("left the keys; found them again", "joy"),
    ("the bus is late, again", "anger"),
    ("all quiet", "sadness"),
]


def write(folder: Path, name: str, rows: list[tuple[str, str]] = ROWS) -> None:
    path = folder / name
    if path.suffix == ".txt":
        path.write_text("".join(f"{text};{label}\n" for text, label in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        path.write_text("label,text\n" + "".join(f'{label},"{text}"\n' for text, label in rows), encoding="utf-8")
    elif path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, "label": label, "extra": 1}) for text, label in rows]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        texts, labels = zip(*rows, strict=True)
        pq.write_table(numbered(texts, labels, EMOTIONS), path)


def numbered(texts: Sequence[str], labels: Sequence[str], names: Sequence[str]) -> pa.Table:
    """A table with integer labels, which its metadata names as `datasets` does."""
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    table = pa.table({"text": texts, "label": pa.array([names.index(label) for label in labels], pa.int8())})
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl", "parquet", "PARQUET"])
def test_every_layout_reads_the_same(tmp_path: Path, suffix: str) -> None:
    for name in ("train", "val", "test"):
        write(tmp_path, f"{name}.{suffix}")
    (tmp_path / "notes.txt").write_text("not a split")
    splits = load_splits(tmp_path)
    assert list(splits) == ["train", "validation", "test"]
    for split in splits.values():
        assert list(split.texts) == [text for text, _ in ROWS]
        assert split.labels.dtype == np.int64
        assert [EMOTIONS[label] for label in split.labels] == [label for _, label in ROWS]


def test_shards_are_joined_in_order(tmp_path: Path) -> None:
    write(tmp_path, "test-00001-of-00002.parquet", ROWS[2:])
    write(tmp_path, "test-00000-of-00002.parquet", ROWS[:2])
    assert list(load_splits(tmp_path, ["test"])["test"].texts) == [text for text, _ in ROWS]


def test_windows_files_read_as_unix_files(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_bytes(b"\xef\xbb\xbffine morning;joy\r\n\r\nlong night;fear\r\n")
    split = load_splits(tmp_path, ["test"])["test"]
    assert split.texts == ("fine morning", "long night")
    assert split.labels.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("test.txt", b"ok;joy\nno separator\n", ["test.txt, row 2", "text;label"]),
        ("test.txt", b"ok;joy\nodd;boredom\n", ["row 2, column label", "'boredom'", "surprise"]),
        ("test.txt", b"ok;joy\n ;joy\n", ["row 2, column text", "empty"]),
        ("test.txt", b"ok;joy\ncaf\xe9;joy\n", ["row 2", "not UTF-8", "0xe9"]),
        ("test.txt", b"", ["holds no rows"]),
        ("test.csv", b"text,emotion\nok,joy\n", ["row 1, column label", "missing", "found: text, emotion"]),
        (
            "test.csv",
            b"text,label\nok,7\n",
            ["row 2, column label", "7 is a number without a name", "labels.txt"],
        ),
        ("test.txt", b"ok;0\n", ["row 1, column label", "0 is a number without a name"]),
        ("test.jsonl", b'{"text": "ok", "label": 2}', ["row 1, column label", "2 is a number without a name"]),
        ("test.csv", b"text,label\none, two,joy\n", ["row 2", "more fields than the header"]),
        ("test.csv", b"Text,text,label\nok,ok,joy\n", ["row 1, column text", "occurs twice"]),
        ("test.json", b'{"text": {"0": "a"}, "label": {"1": "joy"}}', ["do not have the same rows"]),
        ("test.json", b'[{"text": "ok", "label": "joy"}, 1]', ["row 2", "not a JSON object"]),
        ("test.json", b'[{"text": "ok"', ["row 1", "not JSON"]),
        ("test.arrow", b"half", ["not a readable Arrow file"]),
        ("test.csv", b"text,label\nonly text\n", ["row 2, column label", "missing"]),
        ("test.csv", b"text,label,label\nok,joy,fear\n", ["row 1, column label", "occurs twice"]),
        ("test.csv", b'text,label\nok,joy\n"open,joy\n', ["after row 2", "not CSV"]),
        ("test.csv", b"text,label\ncaf\xe9,joy\n", ["not UTF-8"]),
        ("test.jsonl", b'{"text": "ok", "label": "joy"}\n{"text": "half', ["row 2", "not JSON"]),
        ("test.jsonl", b'{"text": "ok"}\n', ["row 1, column label", "missing"]),
        ("test.jsonl", b'{"text": "ok", "label": true}\n', ["row 1, column label", "'True'"]),
        ("test.txt", b"ok;" + b"1" * 5000, ["row 1, column label", "unknown label '1111"]),
        (
            "test.jsonl",
            b'{"text": "a", "label": ' + b"1" * 5000 + b"}",
            ["column label", "unknown label '1111"],
        ),
        ("test.jsonl", b'{"text": "a", "label": 1, "label": 2}', ["row 1: the same key twice", "keep one"]),
        ("test.json", b'{"text": "a", "label": "joy"}\n{"text": "a", "text": "b"}', ["row 2: the same key"]),
        ("test.json", b'[\n{"text": "a", "label": "joy", "label": "fear"}\n]', ["test.json: the same key twice"]),
        ("test.json", b'{"data": [],\n"data": []}', ["test.json: the same key twice"]),
        ("test.jsonl", b"[" * 100_000, ["row 1", "not JSON"]),
        ("test.jsonl", b'{"text": "\\ud800", "label": 1}', ["row 1, column text", "half a surrogate pair"]),
        ("test.jsonl", b"[1]\n", ["row 1", "not a JSON object"]),
        ("test.parquet", b"PAR1 half", ["test.parquet", "not a readable Parquet file"]),
    ],
)
def test_a_fault_is_one_line_that_names_its_place(
    tmp_path: Path, name: str, content: bytes, parts: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_splits(tmp_path, ["test"])
    message = str(caught.value)
    assert "\n" not in message
    for part in (name, *parts):
        assert part in message


def test_a_long_text_is_read_and_a_folder_named_as_a_split_is_told(tmp_path: Path) -> None:
    long = "so glad " * 30_000
    write(tmp_path, "test.csv", [(long, "joy")])
    assert load_splits(tmp_path, ["test"])["test"].texts == (long,)
    (tmp_path / "train.txt").mkdir()
    with pytest.raises(DataError, match=r"train\.txt: cannot be read \(Is a directory\)"):
        load_splits(tmp_path, ["train"])


def test_parquet_without_label_names_the_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "emotion": ["joy"]}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match=r"test\.parquet, row 1, column label: missing"):
        load_splits(tmp_path, ["test"])


def test_a_missing_split_is_named_with_what_was_found(tmp_path: Path) -> None:
    write(tmp_path, "train.txt")
    with pytest.raises(DataError, match=r"no validation or test split \(found: train\)"):
        load_splits(tmp_path)
    assert list(load_splits(tmp_path, ["train"])) == ["train"]


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "val.txt")
    write(tmp_path, "validation.csv")
    with pytest.raises(DataError, match=r"more than one validation file \(val\.txt, validation\.csv\)"):
        load_splits(tmp_path)


def test_a_file_or_an_unknown_name_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, "test.txt")
    with pytest.raises(DataError, match="is a file; give the folder"):
        load_splits(tmp_path / "test.txt")
    with pytest.raises(DataError, match="neither a folder here nor a data set") as caught:
        load_splits("nobody/nothing-of-that-name")
    assert "\n" not in str(caught.value)


def test_the_hub_way_maps_class_names_not_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` reads a local repository as it reads a hub one; this one has another class order."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    repository = tmp_path / "repository"
    (repository / "data").mkdir(parents=True)
    names = list(reversed(EMOTIONS))
    table = pa.table({"text": ["one", "two"], "label": pa.array([0, 5], pa.int64())})
    for split in ("train", "validation", "test"):
        pq.write_table(table, repository / "data" / f"{split}-00000-of-00001.parquet")
    classes = "".join(f"          '{index}': {name}\n" for index, name in enumerate(names))
    (repository / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n"
        f"    dtype:\n      class_label:\n        names:\n{classes}---\n"
    )
    splits = read_hub(str(repository))
    assert set(splits) == {"train", "validation", "test"}
    assert [EMOTIONS[label] for label in splits["test"].labels] == ["surprise", "sadness"]


def test_unseen_drops_texts_of_other_splits_repeats_and_disputed_labels() -> None:
    test = Split(("A  b", "new", "new", "two", "two", "last"), np.array([0, 1, 1, 2, 3, 4]))
    train = Split(("a b", "else"), np.array([0, 0]))
    assert unseen(test, [train]).tolist() == [False, True, False, False, False, True]


def test_the_real_data_has_its_published_sizes_and_known_overlaps(data_dir: Path) -> None:
    splits = load_splits(data_dir / "emotion")
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 16_000,
        "validation": 2_000,
        "test": 2_000,
    }
    keep = unseen(splits["test"], [splits["train"], splits["validation"]])
    assert (~keep).sum() >= 11  # the test texts that stand in train too
    assert len(splits["test"].select(keep)) == keep.sum()


NAMES = list(reversed(EMOTIONS))


def emotions(split: Split) -> list[str]:
    return [EMOTIONS[label] for label in split.labels]


def test_integer_labels_take_the_names_of_their_own_file(tmp_path: Path) -> None:
    texts, labels = zip(*ROWS, strict=True)
    pq.write_table(numbered(texts, labels, NAMES), tmp_path / "test-00000-of-00001.parquet")
    assert emotions(load_splits(tmp_path, ["test"])["test"]) == list(labels)
    pq.write_table(
        numbered(texts, ["anger"] * 3, NAMES[:4]).set_column(1, "label", [[0, 1, 4]]),
        tmp_path / "test-00000-of-00001.parquet",
    )
    with pytest.raises(
        DataError, match=r"row 3, column label: 4 has no name among the 4 of its data set \(surprise, "
    ):
        load_splits(tmp_path, ["test"])
    pq.write_table(
        numbered(texts, labels, NAMES).replace_schema_metadata(None), tmp_path / "test-00000-of-00001.parquet"
    )
    with pytest.raises(DataError, match=r"row 1, column label: 4 is a number without a name, and an order is never"):
        load_splits(tmp_path, ["test"])


README = (
    "---\ndataset_info:\n- features:\n  - name: Label\n    dtype:\n      class_label:\n        names:\n"
    + "".join(f"          '{index}': {name}\n" for index, name in enumerate(NAMES))
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "\n".join(NAMES)),
        ("README.md", README + "---\n# A corpus\n"),
        ("dataset_infos.json", json.dumps({"default": {"features": {"label": {"names": NAMES}}}})),
    ],
)
def test_integer_labels_take_the_names_that_stand_beside_them(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test.csv").write_text("text,label\na,0\nb,5\nc,joy\nd,1.0\n")
    (tmp_path / name).write_text(content)
    assert emotions(load_splits(tmp_path, ["test"])["test"]) == ["surprise", "sadness", "joy", "fear"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", 'Text;Label\n"one; two";joy\nthree;fear\n'),
        ("Train.tsv", "LABEL\tTEXT\njoy\tone; two\nfear\tthree\n"),
        ("train.json", '[{"Text": "one; two", "Label": "joy"}, {"Text": "three", "Label": "fear"}]'),
        ("train.json", '{"text": "one; two", "label": "joy"}\n{"text": "three", "label": "fear"}\n'),
        ("train.json", '{"text": {"0": "one; two", "1": "three"}, "label": {"0": "joy", "1": "fear"}}'),
        ("train.json", '{"data": [{"text": "one; two", "label": "joy"}, {"text": "three", "label": "fear"}]}'),
        ("training.jsonl", '{"TEXT": "one; two", "label": "joy"}\n{"text": "three", "label": "fear"}\n'),
        ("data/train.csv", "text,label\none; two,joy\nthree,fear\n"),
        ("train/0000.csv", "text,label\none; two,joy\nthree,fear\n"),
        ("default/train/0000.csv", "text,label\none; two,joy\nthree,fear\n"),
    ],
)
def test_layouts_and_spellings_of_other_programs_are_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(content)
    split = load_splits(tmp_path, ["train"])["train"]
    assert split.texts == ("one; two", "three")
    assert emotions(split) == ["joy", "fear"]


def test_folders_of_save_to_disk_are_read_with_their_own_names(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)})
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 5, 2]}, features=features)
    chosen = rows.select([0, 2])
    datasets.DatasetDict({"train": rows, "test": chosen}).save_to_disk(
        tmp_path / "both", num_shards={"train": 2, "test": 1}
    )
    splits = load_splits(tmp_path / "both", ["train", "test"])
    assert emotions(splits["train"]) == ["surprise", "sadness", "anger"]
    assert (splits["test"].texts, emotions(splits["test"])) == (("a", "c"), ["surprise", "anger"])
    rows.save_to_disk(tmp_path / "one")
    with pytest.raises(DataError, match="without splits; save a DatasetDict"):
        load_splits(tmp_path / "one")


def test_several_folders_of_splits_are_not_guessed(tmp_path: Path) -> None:
    for name in ("split", "unsplit"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "train.csv")
    with pytest.raises(DataError, match=r"several folders in it hold splits \(split, unsplit\); name one"):
        load_splits(tmp_path, ["train"])
    assert len(load_splits(tmp_path / "split", ["train"])["train"]) == len(ROWS)
