"""The door for data: subclass `Dataset`, say where the images are and what is on them.

The methods are Matterport's, so that old datasets run as they are. Newer, optional ones give
more than bitmaps can: polygons (fast, sub-pixel), the annotated boxes, keypoints, identities.
"""

import numpy as np

from mrcnn import masks
from mrcnn.data.images import read_image


class Dataset:
    """Images, their classes and their objects.

    Call `add_class` and `add_image` from a loading method of your own, then `prepare()`. Override
    `load_polygons` and `image_class_ids` (the fast road), or `load_mask` (bitmaps). A dataset is
    copied to worker processes and read by several threads: its `load_*` methods must not write
    to it, and it should not hold open files.

    Attributes:
        image_info: list of dicts with "id", "source", "path" and whatever `add_image` was given.
        class_info: list of dicts with "source", "id" and "name"; the first is the background.
        num_keypoints: keypoints of every object (K), 0 where there are none.
        exif: whether `load_image` turns photos as their EXIF orientation says. False, because
            annotations count the pixels as they are stored.
    """

    num_keypoints = 0
    exif = False

    def __init__(self, class_map=None):
        # Matterport's argument, which it never used: old subclasses hand it on.
        self._image_ids = []
        self.image_info = []
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids = {}

    # What a subclass calls.

    def add_class(self, source, class_id, class_name):
        """Add a class, once; a repeated (source, class_id) is passed over.

        Args:
            source: short name of the data it comes from, without a dot.
            class_id: the source's own id of it.
            class_name: what people call it.
        """
        if "." in source:
            raise ValueError(f"source {source!r}: a source name must not contain a dot")
        if any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            return
        self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source, image_id, path, **kwargs):
        """Add an image; further keywords are kept in its `image_info`.

        Worth giving when known: `width`, `height` (px), and `class_ids`, the class ids of its
        objects (see `image_class_ids`).
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def append_data(self, class_info, image_info):
        """Add the classes and images of another dataset, given as its two lists of dicts."""
        for info in class_info:
            if info["source"]:  # every dataset has the background already
                self.add_class(info["source"], info["id"], info["name"])
        for info in image_info:
            info = dict(info)
            self.add_image(info.pop("source"), info.pop("id"), info.pop("path"), **info)

    def prepare(self, class_map=None):
        """Build the lookup tables. Call it when all classes and images have been added.

        Args:
            class_map: has no effect, as in Matterport's.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        # COCO-like names list synonyms after a comma; the first is enough.
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = {
            f"{info['source']}.{info['id']}": i for i, info in enumerate(self.class_info)
        }
        self.image_from_source_map = {
            f"{info['source']}.{info['id']}": i for i, info in enumerate(self.image_info)
        }
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [i for i, c in enumerate(self.class_info) if i == 0 or c["source"] == source]
            for source in self.sources
        }

    # Lookups.

    @property
    def image_ids(self):
        """Ids of the images, 0..num_images - 1."""
        return self._image_ids

    def map_source_class_id(self, source_class_id):
        """Class id of a source's class, given as "source.id": `map_source_class_id("coco.12")`."""
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id, source):
        """The source's own id of a class."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"class {class_id} ({info['name']}) comes from {info['source']!r}, not {source!r}"
            )
        return info["id"]

    def source_image_link(self, image_id):
        """Where the image is: a path or a URL, to find it again."""
        return self.image_info[image_id]["path"]

    def image_reference(self, image_id):
        """What to call the image when debugging. Override it with a link to its page."""
        return str(self.source_image_link(image_id))

    def active_class_ids(self, image_id):
        """Which classes this image's source annotates, so that the loss can ignore the others.

        Returns:
            [num_classes] int32 of 0 and 1; the background is always active.
        """
        active = np.zeros(self.num_classes, np.int32)
        source = self.image_info[image_id]["source"]
        active[self.source_class_ids.get(source, [0])] = 1
        return active

    # What is on an image. `None` means: this dataset does not have it.

    def load_image(self, image_id):
        """The photo, [height, width, 3] uint8. Raises ImageError (a ValueError)."""
        return read_image(self.image_info[image_id]["path"], exif=self.exif)

    def load_mask(self, image_id):
        """Bitmaps of the objects.

        Drawn from the polygons where the dataset has them; otherwise to be overridden, and an
        image without objects until then.

        Returns:
            masks: [height, width, N] bool.
            class_ids: [N] int32; negative for a crowd, a region of many uncounted objects.
        """
        polygons = self.load_polygons(image_id)
        height, width = self._size(image_id)
        if not polygons:
            return np.zeros((height, width, 0), bool), np.zeros(0, np.int32)
        whole, shape = (0, 0, height, width), (height, width)
        layers = [masks.rasterise(parts, whole, shape) >= 0.5 for parts in polygons]
        return np.stack(layers, axis=-1), np.asarray(self.image_class_ids(image_id), np.int32)

    def image_class_ids(self, image_id):
        """Class ids [N] of an image's objects, in the order of `load_polygons`, cheaply.

        Read for every image when repeat-factor sampling is on, so it must not open the image.
        By default what `add_image(..., class_ids=)` was given, None without it.
        """
        return self.image_info[image_id].get("class_ids")

    def load_polygons(self, image_id):
        """Outlines: per object a list of polygons [vertices, (x, y)] px, or None."""
        return None

    def load_boxes(self, image_id):
        """Annotated boxes [N, (y1, x1, y2, x2)] px, or None: then the outlines' extents."""
        return None

    def load_keypoints(self, image_id):
        """Keypoints [N, K, (x, y, v)] px with K = num_keypoints, or None."""
        return None

    def load_identities(self, image_id):
        """Identity of each object [N] int, equal for the same object on other photos, or None."""
        return None

    def image_domain(self, image_id):
        """Which side of a match the photo is on: 1 or 2 (user and shop), 0 where nobody knows."""
        return 0

    def keypoint_flip(self, class_id):
        """What left and right exchange in a mirrored image, or None where nothing does.

        Returns:
            [K] int permutation, its own inverse: keypoint i becomes keypoint flip[i].
        """
        return None

    def _size(self, image_id):
        """(height, width) px as annotated, or of the photo itself."""
        info = self.image_info[image_id]
        if info.get("height") and info.get("width"):
            return info["height"], info["width"]
        return self.load_image(image_id).shape[:2]
