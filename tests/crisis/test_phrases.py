"""Wrong lists are refused in one line with their place."""

import os
from pathlib import Path

import pytest

from monitor.crisis import CrisisList
from monitor.errors import ConfigError

ENTRY = 'criterion = "suicidal"\nwhy = "a reason"\n'


def refusal(tmp_path: Path, content: str) -> str:
    path = tmp_path / "list.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        CrisisList.read(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('pattern = "(a"', "not closed"),
        ('pattern = "(a+)+b"', "not allowed"),
        ('pattern = "a*"', "not allowed"),
        ('pattern = "(?:a|b){0,30}c"', "too long"),
        ("pattern = '(a)\\1'", "not allowed"),
        ('pattern = "a{0,3}"', "nothing at all"),
        ('pattern = "[a-z]{1,20}"', "ordinary sentence"),
        ('phrase = "the"', "ordinary sentence"),
        ('phrase = "[a] [b]"', "nothing at all"),
        ('phrase = "a (b"', "not closed"),
        ('phrase = "a {nogroup}"', "no group"),
        ('phrase = "a ; b"', "no meaning"),
        ('phrase = ""', "text in quotes"),
    ],
)
def test_wrong_entry_is_refused_with_its_line_and_number(tmp_path: Path, line: str, words: str) -> None:
    good = f'[[phrases]]\nphrase = "want to die"\n{ENTRY}\n'
    message = refusal(tmp_path, f"{good}[[phrases]]\n{line}\n{ENTRY}")
    assert words in message
    assert "line 7, phrase 2" in message


def test_empty_list_unknown_key_and_criterion_are_refused(tmp_path: Path) -> None:
    assert "no phrases" in refusal(tmp_path, "")
    assert "did you mean phrase" in refusal(tmp_path, f'[[phrases]]\nphrse = "want to die"\n{ENTRY}')
    assert "did you mean suicidal" in refusal(
        tmp_path, '[[phrases]]\nphrase = "want to die"\ncriterion = "suicidl"\nwhy = "x"\n'
    )
    assert "no why" in refusal(tmp_path, '[[phrases]]\nphrase = "want to die"\ncriterion = "suicidal"\n')
    assert "no such table" in refusal(tmp_path, f'[idoms]\n[[phrases]]\nphrase = "want to die"\n{ENTRY}')
    assert "not TOML" in refusal(tmp_path, "[[phrases]")


def test_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        CrisisList.read(tmp_path / "gone.toml")


def test_a_pipe_or_a_device_is_no_list(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path, message in {
        tmp_path / "pipe.toml": "not a regular file; save what it gives into a file",
        Path("/dev/zero"): "not a regular file; save what it gives into a file",
        tmp_path: "a folder; name one of its files",
    }.items():
        with pytest.raises(ConfigError, match=message):
            CrisisList.read(path)
    (tmp_path / "large.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        CrisisList.read(tmp_path / "large.toml")


def test_own_list_is_matched_and_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(
        f'[[phrases]]\nphrase = "(blue|grey) * moon"\n{ENTRY}[spellings]\nbloo = "blue"\n', encoding="utf-8"
    )
    own = CrisisList.read(path)
    (mention,) = own.find(["A bloo and very old Moon!"])[0]
    assert (mention.first, mention.last, mention.state) == (2, 24, "raised")
    assert own.fingerprint != CrisisList.read().fingerprint


def test_a_group_takes_the_curved_apostrophe_as_a_phrase_does(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    groups = '[groups]\nno = ["don’t", "don\'t ever"]\n'
    path.write_text(f'[[phrases]]\nphrase = "{{no}} blue moon"\n{ENTRY}{groups}', encoding="utf-8")
    assert len(CrisisList.read(path).find(["I don’t blue moon"])[0]) == 1


def test_pattern_sees_normalised_words(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(f"[[phrases]]\npattern = ' over and out(?: \\.| $)'\n{ENTRY}", encoding="utf-8")
    own = CrisisList.read(path)
    assert len(own.find(["Over, and OUT.", "over and OUT!", "over and out there"])[1]) == 1
