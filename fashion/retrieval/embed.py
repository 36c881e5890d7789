"""From photos to garments with their vectors."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from fashion.datasets.photos import run_detector
from fashion.retrieval.cutout_files import listed, read_cutouts
from fashion.retrieval.gallery import is_shown
from fashion.retrieval.garments import Garments
from fashion.retrieval.similarity import Similarity


class MatchDescriber:
    """A network with a match head: it finds garments on photos, and describes each by a vector.

    `image_model.ImageModel` has the same attributes and `embed`.

    Args:
        detector: `mrcnn.detection.Detector` of the network.
        weights_path: of the file that its weights are from.
        similarity: `Similarity` that it has learned.

    Attributes:
        source: absolute path of the weights.
        config: of the network.
        class_names: by class id, background first.
        similarity: as given.
        fingerprint: of the weights.
    """

    def __init__(self, detector, weights_path: Path | str, similarity: Similarity):
        from mrcnn import weights

        self._detector, self.config = detector, detector.config
        self.source, self.class_names = os.path.abspath(weights_path), self.config.CLASS_NAMES
        self.similarity = similarity
        self.fingerprint = weights.fingerprint(detector.network)

    def embed(self, paths: list[Path], failed: dict) -> Iterator[tuple[Path, Garments]]:
        """Describes the garments of photos, with a progress bar.

        Args:
            paths: of photos, and of cut-outs (`cutout_files.listed`), which come last.
            failed: dict that gets {path: error} of those that cannot be read.

        Yields:
            (path, its garments) of the others; photos without a garment too.
        """
        cutouts = listed(paths)
        photos = [path for path in paths if path not in cutouts]
        for path, _, raw in run_detector(self._detector, photos, failed):
            yield path, garments_of(path, raw)
        yield from self._embed_cutouts(list(cutouts.values()), failed)

    def _embed_cutouts(self, files, failed):
        """As `embed`; the head is told where the garment is, so that none is missed."""
        running = deque()

        def known():
            for file, class_id, picture in read_cutouts(files, self.class_names, failed):
                running.append(file.path)
                yield picture, [file.box_px], [class_id]

        for raw in self._detector.describe(known()) if files else ():
            path = running.popleft()
            yield path, garments_of(path, raw)


def garments_of(path: Path | str, raw) -> Garments:
    """What a detector found on a photo as a table, each garment once, see `gallery.is_shown`.

    Objects too weak to be described, those after the first KEYPOINT_MAX_INSTANCES, are left out:
    their vectors are all 0.

    Args:
        path: of the photo.
        raw: `mrcnn.detection.Raw` with embeddings.
    """
    described = raw.take(raw.embeddings.any(axis=1))
    own = described.take(is_shown(described.boxes_px, described.scores, least=0))
    return Garments([str(path)] * len(own.scores), own.boxes_px, own.class_ids, own.scores,
                    own.embeddings)
