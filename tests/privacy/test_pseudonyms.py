"""Pseudonyms: the same for the same key, useless without it, with a key that only its owner can read."""

import base64
import hmac
import os
import re
import stat
from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.privacy.pseudonyms import KEY_VARIABLE, Pseudonyms, default_key_file, open_pseudonyms
from tests.support.hostile_strings import HOSTILE

KEY = "correct horse battery staple"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_a_pseudonym_is_short_stable_and_depends_on_key_and_id() -> None:
    one = Pseudonyms(KEY)
    assert re.fullmatch("[a-z2-7]{16}", one.of("alice"))
    assert one.of("alice") == Pseudonyms(KEY).of("alice") == "44kit4hp4apcdlx5"
    assert len({one.of("alice"), one.of("alicf"), one.of(""), Pseudonyms(KEY + "!").of("alice")}) == 4


def test_document_ids_are_keyed_and_separate_their_parts() -> None:
    one, other = Pseudonyms(KEY), Pseudonyms(KEY + "!")
    ids = one.of_documents(["a\0bc", "ab\0c", "alice"])
    assert all(re.fullmatch("[a-z2-7]{26}", name) for name in ids)
    assert len({*ids, *other.of_documents(["a\0bc"])}) == 4
    assert not ids[2].startswith(one.of("alice"))


def test_ids_are_the_base_32_form_of_truncated_hmacs() -> None:
    values = [*HOSTILE, *map(str, range(300))]

    def expected(purpose: str, n_bytes: int) -> list[str]:
        keyed = [f"{purpose}\0{value}".encode("utf-8", "replace") for value in values]
        digests = [hmac.digest(KEY.encode(), value, "sha256")[:n_bytes] for value in keyed]
        return [base64.b32encode(digest).decode().rstrip("=").lower() for digest in digests]

    assert Pseudonyms(KEY).of_subjects(values) == expected("subject", 10)
    assert Pseudonyms(KEY).of_documents(values) == expected("document", 16)
    assert Pseudonyms(KEY).of_documents([]) == []


def test_a_short_key_is_refused_and_never_printed() -> None:
    for key in ("", "short", "  fifteen letters"):
        with pytest.raises(ConfigError, match="at least 16 characters") as caught:
            Pseudonyms(key)
        assert "fifteen" not in str(caught.value)


def test_a_key_file_is_created_once_for_its_owner_only(tmp_path: Path) -> None:
    file = default_key_file(tmp_path / "new" / "risk.duckdb")
    assert file.name == "risk.duckdb.key"
    first = open_pseudonyms(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert open_pseudonyms(file).of("alice") == first.of("alice")
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert first.fingerprint not in file.read_text()
    assert first.of("alice") != open_pseudonyms(tmp_path / "other.key").of("alice")


def test_a_key_file_has_mode_600_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        open_pseudonyms(tmp_path / "risk.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "risk.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_key_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "risk.key"
    open_pseudonyms(file)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=f"others can read or change this key; `chmod 600 {file}`"):
        open_pseudonyms(file)


def test_a_path_that_is_no_key_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        open_pseudonyms(tmp_path)
    with pytest.raises(ConfigError, match=r"no\.key: the key .* is not here; bring it"):
        open_pseudonyms(tmp_path / "no.key", create=False)
    (tmp_path / "binary.key").write_bytes(b"\xff" * 40)
    (tmp_path / "binary.key").chmod(0o600)
    with pytest.raises(ConfigError, match="not a key file"):
        open_pseudonyms(tmp_path / "binary.key")


def test_the_variable_wins_and_creates_no_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    assert open_pseudonyms(tmp_path / "risk.key").of("alice") == Pseudonyms(KEY).of("alice")
    assert not (tmp_path / "risk.key").exists()
    monkeypatch.setenv(KEY_VARIABLE, "")
    with pytest.raises(ConfigError, match="variable RISK_MONITOR_KEY: a key needs"):
        open_pseudonyms(tmp_path / "risk.key")
