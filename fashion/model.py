"""`MatchRCNN`: Mask R-CNN's face for a network that also says which garments are the same."""

from fashion import match  # noqa: F401 (makes "match" a head that HEADS may name)
from mrcnn.mask_rcnn import MaskRCNN


class MatchRCNN(MaskRCNN):
    """Match R-CNN (DeepFashion2, arXiv 1901.07973): train, detect, and tell garments apart.

    As `MaskRCNN`, for configurations with "match" in HEADS.
    """

    @property
    def similarity(self):
        """The `fashion.retrieval.similarity.Similarity` of two garments' vectors."""
        return match.similarity_of(self.network)

    def match(self, image, other):
        """Compare all garments of two photos.

        Args:
            image, other: [height, width, 3] uint8 RGB, of any sizes.

        Returns:
            Probabilities [N, M] float32 that garment n of `image` and garment m of `other` are the
            same, and the N and the M garments as `detect` gives them; of each photo the best
            KEYPOINT_MAX_INSTANCES, since others have no vector.
        """
        first, second = (raw.take(raw.embeddings.any(axis=1))
                         for raw in self.detector.predict([image, other]))
        logits = self.similarity.logits(first.embeddings, second.embeddings)
        return self.similarity.probabilities(logits), first.to_dict(), second.to_dict()
