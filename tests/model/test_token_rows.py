"""Rows of token ids in one array do what a list of arrays does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.token_rows import TokenRows

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=8)


def listed(rows: TokenRows) -> list[list[int]]:
    return [row.tolist() for row in rows]


@given(LISTS, LISTS, st.data())
def test_rows_are_joined_taken_and_cut_as_lists_are(
    first: list[list[int]], more: list[list[int]], data: st.DataObject
) -> None:
    rows, both = TokenRows.joined([TokenRows.of(first), TokenRows.of(more)]), first + more
    assert listed(rows) == both
    assert rows.lengths.tolist() == [len(row) for row in both]
    places = data.draw(st.lists(st.integers(0, len(both) - 1), max_size=9)) if both else []
    assert listed(rows.take(places)) == [both[place] for place in places]
    assert listed(rows[1::2]) == both[1::2]
    shorter = rows.cut(rows.starts + (rows.lengths > 1), np.minimum(rows.lengths, 1))
    assert listed(shorter) == [row[1:2] if len(row) > 1 else row[:1] for row in both]


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IndexError):
        TokenRows.of([[1]])[1]
