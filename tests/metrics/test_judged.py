"""Own judgements: ranks against brute force, measures against `ir_measures` on the same run."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from clipbench.errors import InvalidRequest
from clipbench.metrics import (
    ArrayEmbeddings,
    JudgedQueries,
    JudgedWays,
    Judgements,
    judged,
    judged_ranks,
    judged_scores,
    parse,
)
from clipbench.metrics.embeddings import ChosenEmbeddings
from tests import environments
from tests.metrics import oracle
from tests.metrics.corpora import vectors

NAMES = {"ndcg@10": "nDCG@10", "ap": "AP", "r@1": "R@1", "r@10": "R@10", "rr": "RR"}


@pytest.fixture(scope="module")
def ir_measures():
    path = str(environments.ready(environments.IR_MEASURES))
    sys.path.insert(0, path)
    try:
        import ir_measures

        yield ir_measures
    finally:
        sys.path.remove(path)


@st.composite
def corpora(draw):
    """(queries, candidates, judgements): few distinct vectors, any grades, some own images."""
    dim = draw(st.sampled_from([1, 2, 16]))
    m, n = draw(st.integers(1, 12)), draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    queries, images = draw(vectors(m, dim)), draw(vectors(n, dim))
    own = np.where(rng.random(m) < 0.5, rng.integers(0, n, m), -1)
    asked = rng.random((m, n)) < rng.choice([0.05, 0.3, 0.9])
    asked[own >= 0, own[own >= 0]] = False
    query, candidate = np.nonzero(asked)
    grade = rng.integers(-1, 4, len(query))
    queries[own >= 0] = images[own[own >= 0]]
    return queries, images, Judgements(query, candidate, grade, own)


def brute_force(queries, images, given_):
    """The order of all candidates of each query, equal scores by index."""
    table = oracle.scores(queries, images)
    orders = []
    for row, own in zip(table, given_.own, strict=True):
        order = np.lexsort((np.arange(len(images)), -row))
        orders.append(order[order != own])
    return orders


@given(corpora(), st.sampled_from([(1, 1), (3, 5), (1024, 2048)]))
@settings(deadline=None)
def test_ranks_are_those_of_brute_force_whatever_the_blocks(corpus, sizes):
    queries, images, made = corpus
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "QUERY_BLOCK", sizes[0])
        patch.setattr(judged, "IMAGE_TILE", sizes[1])
        patch.setattr(judged, "RESIDENT_BYTES", 1)
        found = judged_ranks(ArrayEmbeddings(queries), ArrayEmbeddings(images), made)
    orders = brute_force(queries, images, made)
    expected = [
        1 + int(np.flatnonzero(orders[q] == c)[0])
        for q, c in zip(made.query, made.candidate, strict=True)
    ]
    assert found.rank.tolist() == expected
    table, near = oracle.scores(queries, images), set()
    for q, c, g in zip(made.query, made.candidate, made.grade, strict=True):
        gains = np.zeros(len(images))
        mine = made.query == q
        gains[made.candidate[mine]] = np.maximum(made.grade[mine], 0)
        others = (gains != max(g, 0)) & (np.arange(len(images)) != made.own[q])
        near |= {q} if (np.abs(table[q][others] - table[q][c]) <= 1e-6).any() else set()
    assert found.near_ties == len(near)


@given(corpora())
@settings(deadline=None)
def test_measures_are_those_of_ir_measures_query_by_query(ir_measures, corpus):
    queries, images, made = corpus
    ranks = judged_ranks(ArrayEmbeddings(queries), ArrayEmbeddings(images), made).rank
    mine = JudgedQueries(made.query, made.grade, ranks, len(queries))
    qrels = [
        ir_measures.Qrel(f"q{q}", f"d{c}", int(g))
        for q, c, g in zip(made.query, made.candidate, made.grade, strict=True)
    ]
    run = [  # in the order of our rule for ties: trec_eval breaks them by name
        ir_measures.ScoredDoc(f"q{q}", f"d{c}", float(-place))
        for q, order in enumerate(brute_force(queries, images, made))
        for place, c in enumerate(order)
    ]
    names = {ir_measures.parse_measure(theirs): ours for ours, theirs in NAMES.items()}
    seen = set()
    for metric in ir_measures.iter_calc(list(names), qrels, run):
        q, ours = int(metric.query_id[1:]), names[metric.measure]
        if mine.answers[q]:
            assert parse(ours).each(mine)[q] == pytest.approx(metric.value, abs=1e-12)
            seen.add((q, ours))
    assert len(seen) == np.count_nonzero(mine.answers) * len(names)
    if mine.answers.any():
        theirs = [v for v in qrels if mine.answers[int(v.query_id[1:])]]
        whole = ir_measures.calc_aggregate(list(names), theirs, run)
        scores = judged_scores(JudgedWays(mine, None), (1, 10))
        for measure, ours in names.items():
            value = scores.metrics[f"text_to_image_{ours}"]
            assert value == pytest.approx(whole[measure], abs=1e-12)
            assert f"text_to_image_{ours}" in scores.intervals


@given(corpora())
@settings(deadline=None)
def test_negatives_beaten_counts_pairs_in_the_right_order(corpus):
    queries, images, made = corpus
    ranks = judged_ranks(ArrayEmbeddings(queries), ArrayEmbeddings(images), made).rank
    mine = JudgedQueries(made.query, made.grade, ranks, len(queries))
    shares = []
    for q in range(len(queries)):
        good = ranks[(made.query == q) & (made.grade > 0)]
        bad = ranks[(made.query == q) & (made.grade <= 0)]
        if len(good) and len(bad):
            shares.append(np.mean(good[:, None] < bad[None]))
    measure = parse("negatives_beaten")
    if shares:
        assert measure.of(mine) == pytest.approx(np.mean(shares))
        assert measure.observations(mine).value() == pytest.approx(np.mean(shares))
    else:
        with pytest.raises(InvalidRequest, match="nothing to measure"):
            measure.of(mine)


def test_jaccard_chooses_among_the_judged_as_many_as_are_relevant():
    rng = np.random.default_rng(3)
    query, grade = np.repeat(np.arange(40), 6), rng.integers(0, 2, 240)
    rank = np.concatenate([rng.permutation(500)[:6] + 1 for _ in range(40)])
    scores = []
    for q in range(40):
        truth, places = grade[query == q] > 0, rank[query == q]
        if truth.any() and not truth.all():
            chosen = np.isin(places, np.sort(places)[: truth.sum()])
            scores.append(jaccard_score(truth, chosen))
    measure, judged = parse("jaccard"), JudgedQueries(query, grade, rank, 40)
    assert measure.of(judged) == pytest.approx(np.mean(scores))
    assert measure.observations(judged).value() == pytest.approx(np.mean(scores))


def test_a_perfect_and_a_reversed_order_have_their_textbook_values():
    perfect = JudgedQueries(np.zeros(3, int), np.array([3, 1, 0]), np.array([1, 2, 3]), 1)
    assert [parse(name).of(perfect) for name in NAMES] == pytest.approx([1, 1, 0.5, 1, 1])
    worst = JudgedQueries(np.zeros(3, int), np.array([3, 1, 0]), np.array([3, 2, 1]), 1)
    assert parse("rr").of(worst) == 0.5
    assert parse("ap").of(worst) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert parse("negatives_beaten").of(worst) == 0
    reached, best = 3 / 2 + 1 / np.log2(3), 3 + 1 / np.log2(3)
    assert parse("ndcg@10").of(worst) == pytest.approx(reached / best)


@pytest.mark.parametrize("name", [*NAMES, "negatives_beaten", "jaccard"])
def test_each_prints_its_name_and_has_a_direction(name):
    assert str(parse(name)) == name
    for direction in ("text_to_image", "image_to_image"):
        assert str(parse(f"{direction}_{name}")) == f"{direction}_{name}"


def test_some_rows_of_a_source_are_read_in_its_blocks():
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    chosen = ChosenEmbeddings(ArrayEmbeddings(rows), np.array([0, 3, 4, 9]))
    blocks = list(chosen.blocks(4))
    assert [start for start, _ in blocks] == [0, 2, 3]
    assert np.concatenate([block for _, block in blocks]).tolist() == rows[[0, 3, 4, 9]].tolist()
