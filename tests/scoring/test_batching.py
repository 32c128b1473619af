"""Batches: token budgets, packing without padding, and the label tree."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.label_tree import LabelTree, probabilities
from monitor.scoring.batching import Frame, pack, plan_batches

LABELS = [[[1, 2, 3]], [[4, 5]], [[6, 7]], [[8]], [[9, 10]], [[11, 12], [11, 13, 14]]]


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 100))
def test_a_plan_holds_each_text_once_longest_first_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget)
    order = [int(i) for batch in batches for i in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert all(lengths[a] >= lengths[b] for a, b in pairwise(order))
    assert all(len(b) == 1 or sum(lengths[i] for i in b) <= budget for b in batches)
    firsts = [lengths[b[0]] for b in batches[1:]]
    assert all(sum(lengths[i] for i in b) + first > budget for b, first in zip(batches, firsts, strict=False))


def test_blocks_are_text_suffix_and_branches_at_their_positions() -> None:
    tree = LabelTree(LABELS)
    frame = Frame(np.array([90, 91], np.int32), tree.branch_ids, tree.branch_depths, prefix_length=5)
    batch = pack([np.array([20, 21, 22], np.int32), np.array([], np.int32)], frame)
    branches = tree.branch_ids.tolist()
    assert branches == [1, 4, 6, 9, 11, 2, 13]
    assert batch.token_ids.tolist() == [20, 21, 22, 90, 91, *branches, 90, 91, *branches]
    assert batch.positions.tolist() == [
        *[5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 11, 11],
        *[5, 6, 7, 7, 7, 7, 7, 8, 8],
    ]
    assert batch.starts.tolist() == [0, 12, 21]
    assert batch.n_scored == 8


def test_a_branch_sees_itself_and_its_ancestors() -> None:
    tree = LabelTree(LABELS)
    seen = {
        (int(tree.branch_ids[i]), int(tree.branch_ids[j])) for i, j in zip(*np.nonzero(tree.visible), strict=True)
    }
    assert seen == {*((b, b) for b in (1, 4, 6, 9, 11, 2, 13)), (2, 1), (13, 11)}


def test_likelihoods_multiply_along_a_word_and_add_over_words() -> None:
    tree = LabelTree(LABELS)
    random = np.random.default_rng(0)
    first = {int(t): float(v) for t, v in zip(tree.first_ids, random.normal(size=6), strict=True)}
    steps = random.normal(size=len(tree.step_ids)) - 3
    at = {
        (int(tree.branch_ids[b]), int(t)): float(v)
        for b, t, v in zip(tree.step_branches, tree.step_ids, steps, strict=True)
    }
    got = tree.log_likelihoods(np.array([[first[int(t)] for t in tree.first_ids]]), steps[None])
    want = [
        first[1] + at[1, 2] + at[2, 3],
        first[4] + at[4, 5],
        first[6] + at[6, 7],
        first[8],
        first[9] + at[9, 10],
        np.logaddexp(first[11] + at[11, 12], first[11] + at[11, 13] + at[13, 14]),
    ]
    np.testing.assert_allclose(got[0], want)


def test_a_higher_temperature_flattens_and_rows_sum_to_one() -> None:
    values = np.array([[0.0, -1.0, -2.0], [-1e6, 0.0, 700.0]])
    np.testing.assert_allclose(probabilities(values, 1.0).sum(axis=1), 1.0)
    np.testing.assert_allclose(probabilities(values, 2.0)[0], probabilities(values / 2, 1.0)[0])
    assert probabilities(values, 3.0)[0].max() < probabilities(values, 1.0)[0].max()
