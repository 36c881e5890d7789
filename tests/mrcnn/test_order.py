"""The order of images: every one once an epoch, rare ones more often, from any place on."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.order import Order, repeat_factors


def test_every_epoch_is_another_permutation():
    order = Order(10, seed=1)
    epochs = [[order.image(10 * e + i) for i in range(10)] for e in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_place_is_a_function_of_the_seed_alone():
    order, again = Order(10, seed=1), Order(10, seed=1)
    forwards = [order.image(i) for i in range(35)]
    assert [again.image(i) for i in reversed(range(35))] == forwards[::-1]
    assert [Order(10, seed=2).image(i) for i in range(35)] != forwards


def test_unshuffled():
    assert [Order(3, shuffle=False).image(i) for i in range(7)] == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("shuffle", [True, False])
def test_repeated_images_come_as_often_as_they_should(shuffle):
    factors = np.array([1.0, 1.0, 1.5, 2.25, 1.0, 3.1])
    order = Order(6, seed=3, shuffle=shuffle, repeat_factors=factors)
    assert order.length == 10  # the sum, 9.85, rounded up
    counts = np.array([
        np.bincount([order.image(e * 10 + i) for i in range(10)], minlength=6) for e in range(400)
    ])
    assert (counts.sum(1) == 10).all() and counts.min() == 1
    assert (counts <= np.ceil(factors * 10 / 9.85)).all()
    np.testing.assert_allclose(counts.mean(0), factors * 10 / 9.85, atol=0.1)


class Classes(Dataset):
    """Sixteen images with class 1; one of them also has class 2, one has nothing."""

    def __init__(self, known=True):
        super().__init__()
        self.add_class("s", 1, "often")
        self.add_class("s", 2, "rare")
        for i in range(16):
            class_ids = {3: [1, 2, 2], 5: [], 6: [-2, 1]}.get(i, [1])
            self.add_image("s", i, "", **({"class_ids": class_ids} if known else {}))
        self.prepare()


def test_repeat_factors_by_hand():
    factors = repeat_factors(Classes(), threshold=0.25)
    assert factors[3] == 2.0  # sqrt(0.25 / (1 / 16))
    assert (np.delete(factors, 3) == 1).all()


def test_repeat_factors_need_cheap_classes():
    with pytest.raises(ValueError, match="class_ids="):
        repeat_factors(Classes(known=False), 0.1)
