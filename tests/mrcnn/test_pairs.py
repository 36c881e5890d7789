"""Couples of images that show the same object."""

import numpy as np
import pytest

from mrcnn.data.images import ImageError
from mrcnn.data.loader import Loader
from mrcnn.data.order import Order
from mrcnn.data.pairs import PairedOrder, Partners, coupled
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig

USER, SHOP = 1, 2
# (domain, identities) of each image; 0 is no identity.
IMAGES = [(USER, [1]), (SHOP, [1, 2]), (SHOP, [1]), (USER, [2]), (USER, [0]), (SHOP, [0, 0]),
          (SHOP, [3]), (SHOP, [3])]
PARTNERS = {0: [1, 2], 1: [0, 3], 2: [0], 3: [1], 4: [], 5: [], 6: [], 7: []}


class Paired(Drawn):
    """Drawn images with domains and identities; pixel values tell which image is which."""

    def __init__(self, images=IMAGES):
        super().__init__(len(images))
        self.sides = images

    def image_domain(self, image_id):
        return self.sides[image_id][0]

    def load_identities(self, image_id):
        identities = self.sides[image_id][1]
        return np.resize(identities, len(self.image_class_ids(image_id)))

    def load_image(self, image_id):
        return np.full((120, 100, 3), image_id, np.uint8)


class MatchConfig(DrawnConfig):
    HEADS = ("box", "mask", "match")


def test_partners_share_an_identity_across_domains():
    partners = Partners(Paired())
    assert {i: partners.of(i).tolist() for i in range(len(IMAGES))} == PARTNERS


def test_without_domains_any_two_images_may_be_partners():
    partners = Partners(Paired([(0, identities) for _, identities in IMAGES]))
    assert partners.of(6).tolist() == [7] and partners.of(2).tolist() == [0, 1]
    assert not len(partners.of(4)), "no identity is not the same as no identity"


def paired_order(seed=0):
    dataset = Paired()
    return PairedOrder(Order(len(IMAGES), seed), Partners(dataset), len(IMAGES), seed)


def test_couples_are_partners_and_every_image_comes_first_once():
    order = paired_order()
    couples = [(order.image(2 * c), order.image(2 * c + 1)) for c in range(8 * 30)]
    assert sorted(first for first, _ in couples[:8]) == list(range(8))
    for first, second in couples:
        assert second in (PARTNERS[first] or range(8))
    assert {second for first, second in couples if first == 0} == {1, 2}, "drawn anew each time"


def test_the_order_is_a_function_of_seed_and_place():
    places = [5, 3, 90, 0, 5]
    assert [paired_order().image(p) for p in places] == [paired_order().image(p) for p in places]
    assert any(paired_order(1).image(p) != paired_order(2).image(p) for p in range(20))


def test_a_pass_shows_every_image_once_couples_first():
    sequence = coupled(Partners(Paired()), len(IMAGES))
    assert sequence.tolist() == [0, 1, 2, 3, 4, 5, 6, 7], "2 and 3 lost theirs to the first couple"
    apart = Paired([(USER, [1]), (SHOP, [0]), (USER, [0]), (SHOP, [1])])
    assert coupled(Partners(apart), 4).tolist() == [0, 3, 1, 2]


def test_a_broken_image_is_not_replaced_by_its_own_partner():
    class Broken(Paired):
        def load_image(self, image_id):
            if image_id == 0:
                raise ImageError("0.png is no good")
            return super().load_image(image_id)

    loader, order = Loader(Broken(), MatchConfig(), 2), paired_order()
    batches = [first_pixels(next(loader)) for _ in range(40)]
    loader.close()
    broken = [couple for couple in range(40) if order.image(2 * couple) == 0]
    assert broken
    for couple in broken:
        next_first = next(i for i in (order.image(2 * couple + step) for step in (2, 4, 6)) if i)
        assert batches[couple] == [next_first, order.image(2 * couple + 1)]


def first_pixels(batch):
    return batch["input_image"][:, 64, 64, 0].tolist()


def test_batches_hold_couples_and_say_domain_and_identity():
    loader = Loader(Paired(), MatchConfig(), 4)
    for batch in (next(loader) for _ in range(6)):
        for first, second in np.reshape(first_pixels(batch), (2, 2)):
            assert second in (PARTNERS[first] or range(8))
        domains = [IMAGES[i][0] for i in first_pixels(batch)]
        assert batch["image_domain"].tolist() == domains
        assert batch["gt_identities"].shape == (4, MatchConfig.MAX_GT_INSTANCES)
    loader.close()


def test_validation_shows_every_image_once():
    loader = Loader(Paired(), MatchConfig(), 4, shuffle=False, repeat=False)
    passes = [[i for batch in loader for i in first_pixels(batch)] for _ in range(2)]
    assert sorted(passes[0]) == list(range(8)) and passes[0] == passes[1]
    loader.close()


@pytest.mark.parametrize("dataset, batch_size, said", [
    (Drawn(4), 4, "load_identities"),
    (Paired([(SHOP, [1]), (SHOP, [1])]), 2, "nothing to match"),
    (Paired(), 3, "even number"),
])
def test_what_cannot_be_coupled_is_said(dataset, batch_size, said):
    with pytest.raises(ValueError, match=said):
        Loader(dataset, MatchConfig(), batch_size)
