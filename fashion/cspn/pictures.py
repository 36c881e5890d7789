"""Pictures of what the stages of a landmark network see, for TensorBoard."""

import numpy as np

from fashion.datasets.landmark_benchmark import LANDMARKS
from mrcnn import drawing, keypoints, skeletons
from mrcnn.data import mold

# Least height of a heatmap whose logarithm is drawn.
_FLOOR = 1e-6
COLOR = (255, 80, 80)


class StagePictures:
    """Draws garments with their truth beside what the last stage finds, and all stages' heatmaps.

    Args:
        network: `fashion.cspn.network.Network`.
        garments: `fashion.cspn.garments.Garments`.
        side: of each drawn crop, px.
    """

    def __init__(self, network, garments, side=320):
        self.network, self.garments, self.side = network, garments, side
        self._graph = network.inference_graph()

    def __call__(self, image_id):
        """Return {"landmarks": picture [H, W, 3] uint8, "heatmaps": another one}.

        In the sheet of heatmaps each stage has a row, with eight of the landmarks at most.
        """
        size = self.network.size
        crops = self.garments.crops
        row = crops.load(image_id)
        found = self._graph.predict_on_batch({
            "input_image": row["image"][None], "input_class_ids": row["class_id"][None, None]})
        columns = self.network.of_classes.columns[row["class_id"]]
        truth = row["keypoints"][columns]
        shown = np.flatnonzero(truth[:, 2] > keypoints.NOT_THERE)
        stages = range(1, self.network.config.CSPN_STAGES + 1)
        maps, points = (np.array([np.asarray(found[f"{name}{number}"])[0, shown]
                                  for number in stages], np.float32)
                        for name in ("stage", "keypoints"))
        windows = np.tile(np.array([0, 0, size, size], np.float32), (len(stages), 1))
        return {
            "landmarks": self._beside(row["image"], truth[shown], points[-1]),
            "heatmaps": skeletons.heatmap_sheet(
                row["image"], windows, np.log(np.maximum(maps, _FLOOR)), points,
                most=len(LANDMARKS))}

    def _beside(self, image, truth, found):
        """The truth and what was found, on the enlarged crop."""
        scale = self.side / len(image)
        large = mold.warp(image, [[scale, 0, 0], [0, scale, 0]], (self.side, self.side))
        pictures = []
        for points, marks_of in ((truth, skeletons.visibility_marks),
                                 (found, skeletons.score_marks)):
            points = points[None] * (scale, scale, 1)
            pictures.append(skeletons.draw_keypoints(large, points, marks_of(points),
                                                     colors=[COLOR]))
        return drawing.side_by_side(*pictures)
