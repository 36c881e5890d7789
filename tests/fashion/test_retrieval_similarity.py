"""The similarity's formula, and the exact search against comparing pair by pair."""

import numpy as np
import pytest

from fashion.retrieval import exact
from fashion.retrieval.exact import top_k
from fashion.retrieval.similarity import Similarity
from fashion.retrieval.space import Space

SIZE = 256


def similarity(seed=0, size=SIZE):
    """Mostly negative weights, as trained ones are, of the size that logits stay below 100."""
    rng = np.random.default_rng(seed)
    return Similarity(rng.normal(-0.05, 0.04, size), 3.0)


def vectors(count, offset=0.0, seed=1, size=SIZE):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, size)) + offset).astype(np.float32)


def assert_is_top(rows, logits, reference):
    """The rows are a top-k of the reference [Q, G], but for ties within 1e-5 of a logit."""
    k = rows.shape[1]
    best = -np.sort(-reference, axis=1)[:, :k]
    np.testing.assert_allclose(logits, best, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(reference, rows, 1), logits, rtol=0, atol=1e-5)
    assert all(len(set(own)) == k for own in rows.tolist())


def test_logit_by_hand():
    # 1 + 2 (3 - 1)^2 - 0.5 (1 - 4)^2 = 1 + 8 - 4.5
    logits = Similarity([2, -0.5], 1).logits([[3, 1]], [[1, 4], [3, 1]])
    np.testing.assert_array_equal(logits, [[4.5, 1]])


def test_probability_is_the_softmax_of_two_outputs():
    rng = np.random.default_rng(0)
    kernel, bias, squares = rng.normal(size=(8, 2)), rng.normal(size=2), rng.random((5, 8))
    outputs = np.exp(squares @ kernel + bias)
    same = Similarity(kernel[:, 1] - kernel[:, 0], bias[1] - bias[0])
    logits = same.logits(np.sqrt(squares), np.zeros((1, 8)))[:, 0]
    np.testing.assert_allclose(same.probabilities(logits), outputs[:, 1] / outputs.sum(1), 1e-5)


def test_probabilities_of_extreme_logits():
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(
            Similarity.probabilities([-np.inf, -1e4, 0, 1e4]), [0, 0, 0.5, 1])


def test_logit_of_a_pair_does_not_depend_on_its_neighbours():
    queries, gallery = vectors(3), vectors(700)
    logits = similarity().logits(queries, gallery)
    one = np.array([[similarity().logits(queries[q:q + 1], gallery[g:g + 1])[0, 0]
                     for g in (0, 255, 256, 699)] for q in range(3)])
    np.testing.assert_array_equal(logits[:, [0, 255, 256, 699]], one)


def test_products_of_augmented_vectors_are_logits_but_for_a_constant_of_the_query():
    queries, gallery = vectors(4, 5), vectors(50, 5, seed=2)
    centre = gallery.mean(0)
    products = (similarity().augment_queries(queries, centre)
                @ similarity().augment_gallery(gallery, centre).T)
    assert np.ptp(similarity().logits(queries, gallery) - products, axis=1).max() < 1e-4


def test_slack_bounds_the_rounding():
    queries, gallery = vectors(20, 1000), vectors(300, 1000, seed=2)
    space = Space.of(similarity(), gallery)
    products = (space.queries(queries) @ space.gallery(gallery).T).astype(np.float64)
    wide = queries.astype(np.float64), gallery.astype(np.float64)
    true = ((wide[0][:, None] - wide[1]) ** 2) @ similarity().weights.astype(np.float64)
    own = ((wide[0] - space.centre) ** 2) @ similarity().weights.astype(np.float64)
    error = np.abs(products - (true - own[:, None])).max(1)
    assert (error <= space.slack(queries)).all()
    assert (space.slack(queries) < 0.01 * np.ptp(true, axis=1)).all()  # or it would prove nothing


def test_distances_order_as_logits_do():
    queries, gallery = vectors(10, 3), vectors(300, 3, seed=2)
    space = Space.of(similarity(), gallery, by_distance=True)
    places, items = space.queries(queries), space.gallery(gallery)
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), np.sqrt(2) * space.radius, 1e-5)
    squared = ((places[:, None] - items) ** 2).sum(2)
    assert np.ptp(squared + similarity().logits(queries, gallery), axis=1).max() < 1e-2


@pytest.mark.parametrize("offset", [0, 1000])
def test_search_is_the_pairwise_top_20(offset):
    queries, gallery = vectors(500, offset), vectors(2000, offset, seed=2)
    rows, logits = top_k(similarity(), queries, gallery, 20)
    assert_is_top(rows, logits, similarity().logits(queries, gallery))


def test_several_chunks_are_put_together(monkeypatch):
    monkeypatch.setattr(exact, "_CHUNK", 16)
    queries, gallery = vectors(101), vectors(300, seed=2)
    rows, logits = top_k(similarity(), queries, gallery, 5)
    assert_is_top(rows, logits, similarity().logits(queries, gallery))


def test_copies_come_by_row_even_where_the_short_list_cannot_hold_them():
    gallery = np.concatenate([vectors(60), np.repeat(vectors(1, seed=5), 90, 0), vectors(60)])
    query = vectors(1, seed=5)
    rows, logits = top_k(similarity(), query, gallery, 20)
    reference = similarity().logits(query, gallery)
    assert rows[0].tolist() == np.argsort(-reference[0], kind="stable")[:20].tolist()


def test_a_garment_far_off_does_not_hide_the_order_of_the_others():
    gallery = np.concatenate([vectors(300), np.full((1, SIZE), 1e5, np.float32)])
    negative = Similarity(-np.abs(similarity().weights), 0)
    queries = vectors(5, seed=7)
    rows, logits = top_k(negative, queries, gallery, 20)
    assert_is_top(rows, logits, negative.logits(queries, gallery))


def test_more_copies_than_any_short_list_holds(monkeypatch):
    monkeypatch.setattr(exact, "_FEW", 2)
    allowed = np.arange(800) % 7 != 3
    gallery = np.concatenate([vectors(100), np.repeat(vectors(1, seed=5), 600, 0), vectors(100)])
    queries = np.concatenate([vectors(1, seed=5), vectors(3), vectors(2, seed=5)])
    rows, _ = top_k(similarity(), queries, gallery, 20, allowed)
    reference = np.where(allowed, similarity().logits(queries, gallery), -np.inf)
    np.testing.assert_array_equal(rows, np.argsort(-reference, axis=1, kind="stable")[:, :20])


@pytest.mark.parametrize("kind", ["one outlier", "few outliers", "40 copies"])
def test_outliers_and_copies_do_not_cost_a_comparison_of_all_pairs(kind, monkeypatch):
    monkeypatch.setattr(exact, "_all_pairs", lambda *_: pytest.fail("compares all pairs"))
    gallery = vectors(4000, seed=2)
    if kind == "40 copies":
        gallery = np.repeat(gallery[:100], 40, axis=0)
    else:
        gallery[5:6 if kind == "one outlier" else 8] = 1e4
    queries = vectors(40, seed=3)
    rows, logits = top_k(similarity(), queries, gallery, 20)
    assert_is_top(rows, logits, similarity().logits(queries, gallery))


def test_the_best_may_be_an_outlier():
    gallery = vectors(2000, seed=2)
    gallery[7] = 1e4
    positive = Similarity(np.where(np.arange(SIZE), -0.05, 60), 0)  # the first may well differ
    rows, logits = top_k(positive, vectors(3), gallery, 5)
    assert (rows[:, 0] == 7).all()
    np.testing.assert_array_equal(logits[:, 0], positive.logits(vectors(3), gallery)[:, 7])


def test_allowed_rows_only_and_fewer_than_k():
    gallery = vectors(40)
    allowed = np.arange(40) % 8 == 3
    rows, logits = top_k(similarity(), gallery[:3], gallery, 7, allowed)
    assert [set(own) for own in rows[:, :5].tolist()] == [{3, 11, 19, 27, 35}] * 3
    assert (rows[:, 5:] == -1).all() and np.isneginf(logits[:, 5:]).all()
    assert (np.diff(logits[:, :5]) <= 0).all()
    rows, _ = top_k(similarity(), gallery[:3], gallery, 7, np.zeros(40, bool))
    assert (rows == -1).all() and rows.shape == (3, 7)


def test_no_queries():
    rows, logits = top_k(similarity(), vectors(0), vectors(9), 4)
    assert rows.shape == logits.shape == (0, 4)


@pytest.mark.parametrize("bad, message", [
    (np.zeros((2, 3)), r"Expected vectors \[N, 256\]"),
    (np.full((2, SIZE), np.nan), "not finite"),
])
def test_bad_vectors(bad, message):
    with pytest.raises(ValueError, match=message):
        top_k(similarity(), bad, vectors(5), 1)


def test_bad_numbers():
    with pytest.raises(ValueError, match="k=0"):
        top_k(similarity(), vectors(1), vectors(5), 0)
    with pytest.raises(ValueError, match="finite"):
        Similarity([1, np.inf], 0)
