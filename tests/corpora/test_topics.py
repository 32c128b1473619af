"""Topic texts: posts and sentences that speak of depression, without negated ones, the same for the same seed."""

from pathlib import Path

import polars as pl
import pytest

from monitor.corpora.topics import read_topics, topic_texts
from monitor.errors import DataError

POSTS = [
    "It was May. We had soup. I was so Lonely that week, and nobody rang. Then the bus came. It rained.",
    "Depressed again. My therapist is away. I hate myself most days. The dog is fine.",
    "I am not depressed at all these days, thanks for asking.",
    "A post about trains and nothing else.",
]


def test_posts_with_several_mentions_are_whole_and_single_ones_give_sentences() -> None:
    texts = topic_texts(POSTS * 20)
    assert POSTS[1] in texts
    assert POSTS[0] not in texts
    sentences = [text for text in texts if text != POSTS[1]]
    assert any("Lonely" in text for text in sentences)
    assert any("We had soup. I was so Lonely" in text for text in sentences)
    assert not any("at all these days" in text or "trains" in text for text in texts)
    assert topic_texts(POSTS * 20) == texts


def test_a_file_is_taken_as_it_is_and_a_folder_searched(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Parquet file"):
        read_topics(tmp_path)
    pl.DataFrame({"text": POSTS}).write_parquet(tmp_path / "posts.parquet")
    assert read_topics(tmp_path / "posts.parquet") == POSTS
    assert POSTS[3] not in read_topics(tmp_path)
    with pytest.raises(DataError, match=r"none\.parquet: no such file"):
        read_topics(tmp_path / "none.parquet")
