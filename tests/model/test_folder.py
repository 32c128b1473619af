"""A model folder with a file missing, damaged or of another kind: one clear line, whatever reads it first."""

import json
import shutil
from pathlib import Path

import pytest

from monitor.errors import ModelError
from monitor.model.folder import MANIFEST, fingerprint, open_folder
from monitor.scoring.loading import load_model
from tests.scoring.test_loading import write_model


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(original, tmp_path / "model"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "not a JSON object"),
        ("{", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"a": ' + "1" * 5000, "damaged"),
    ],
)
def test_a_manifest_that_is_none_is_named(folder: Path, text: str, words: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ModelError, match=rf"monitor\.json: {words}"):
        open_folder(folder)


@pytest.mark.parametrize("change", [{"adapter": 3}, {"base_hash": 3}, {"prompt": None}, {"risk_map": None}])
def test_a_manifest_with_a_value_of_another_kind_is_named(folder: Path, change: dict[str, object]) -> None:
    (folder / MANIFEST).write_text(json.dumps(json.loads((folder / MANIFEST).read_text()) | change))
    with pytest.raises(ModelError, match=r"monitor\.json: .*; see monitor\.json of a model"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("base/tokenizer.json", None, "missing; save the tokenizer in the fast format"),
        ("base/config.json", "{", "damaged"),
        ("base/config.json", "[]", "not a JSON object"),
        ("adapter/adapter_config.json", None, "missing; copy or download it again"),
        ("adapter/adapter_config.json", "{", "damaged"),
    ],
)
def test_a_missing_or_damaged_file_is_named_whatever_reads_it_first(
    folder: Path, name: str, content: str | None, words: str
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    for read in (load_model, lambda path: fingerprint(open_folder(path), with_adapter=True)):
        with pytest.raises(ModelError, match=rf"{name}: {words}"):
            read(folder)


def test_a_plain_base_without_its_tokenizer_is_named(folder: Path) -> None:
    (folder / "base" / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json: missing; save"):
        load_model(folder / "base", device="cpu")
