"""The list of our files in a folder of others: a planted list and links lead nowhere else."""

from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.output_files import OutputFiles, listed_as

LIST = ".risk-monitor-report"


@pytest.mark.parametrize("name", ["../victim/feed.csv", "{victim}", "linked/feed.csv", "a/../../victim/feed.csv", ""])
def test_a_planted_list_that_names_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    victim, folder = tmp_path / "victim" / "feed.csv", tmp_path / "rep"
    victim.parent.mkdir()
    folder.mkdir()
    victim.write_text("theirs")
    (folder / "linked").symlink_to(victim.parent)
    planted = folder / LIST
    planted.write_text(f"{name.replace('{victim}', str(victim))}\nindex.html\n")
    with pytest.raises(ConfigError, match="outside of its folder"):
        OutputFiles(folder, "report").keep_only([folder / "index.html"])
    assert victim.read_text() == "theirs"


def test_links_are_never_ours(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "real"
    victim.mkdir()
    folder.mkdir()
    (tmp_path / "out").symlink_to(folder)
    out = tmp_path / "out"  # a folder that is a link itself is as good as any
    files = OutputFiles(out, "report")
    files.claim(out / "index.html", out / "old.html")
    (victim / "page.html").write_text("theirs")
    (folder / "index.html").symlink_to(victim / "page.html")
    (folder / "old.html").symlink_to(victim / "page.html")
    (folder / "subjects").symlink_to(victim)
    for name in ("index.html", "subjects/1.html"):
        with pytest.raises(ConfigError, match="did not write this file"):
            OutputFiles(out, "report").claim(out / name)
    OutputFiles(out, "report").keep_only([out / "index.html"])
    assert (folder / "old.html").is_symlink()
    assert (victim / "page.html").read_text() == "theirs"


def test_files_of_an_earlier_version_are_not_ours_if_another_list_has_them(tmp_path: Path) -> None:
    OutputFiles(tmp_path, "report").claim(tmp_path / "index.html")
    for name in ("index.html", "validation.json"):
        (tmp_path / name).write_text("text")
    files = OutputFiles(tmp_path, "validation", lambda: tmp_path.glob("*.*"))
    files.claim(tmp_path / "validation.json")
    with pytest.raises(ConfigError, match=r"index\.html"):
        files.claim(tmp_path / "index.html")


def test_two_runs_that_claim_at_once_keep_each_others_names(tmp_path: Path) -> None:
    first, second = OutputFiles(tmp_path, "query"), OutputFiles(tmp_path, "query")
    first.claim(tmp_path / "a.csv")
    second.claim(tmp_path / "b.csv")
    assert [path.name for path in OutputFiles(tmp_path, "query").paths] == ["a.csv", "b.csv"]


@pytest.mark.parametrize("name", ["a\u2028b.csv", "a\x85b.csv", "a\rb.csv", "a\x0cb.csv", "a\udcffb.csv"])
def test_only_a_line_feed_ends_a_name(tmp_path: Path, name: str) -> None:
    OutputFiles(tmp_path, "query").claim(tmp_path / name)
    (tmp_path / name).write_text("ours")
    (tmp_path / "b.csv").write_text("theirs")
    assert OutputFiles(tmp_path, "query").paths == [tmp_path / name]
    assert [listed_as(tmp_path / one) for one in (name, "b.csv")] == ["query", None]
    OutputFiles(tmp_path, "query").claim(tmp_path / name)
    OutputFiles(tmp_path, "query").keep_only([tmp_path / name])
    assert OutputFiles(tmp_path, "query").paths == [tmp_path / name]


def test_a_name_of_two_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a name with a line break"):
        OutputFiles(tmp_path, "query").claim(tmp_path / "a\nb.csv")
    assert not list(tmp_path.iterdir())
