"""Find balloons, and leave colour only there: a user's script in the manner of Matterport's.

One class, outlines drawn in the VGG Image Annotator, saved as via_region_data.json.

    python balloon.py train --dataset=/path/to/balloon --weights=coco
    python balloon.py train --dataset=/path/to/balloon --weights=last
    python balloon.py splash --weights=last --image=photo.jpg

Results and logs go to the folder of work. `--small` takes a network for a laptop.
"""

import argparse
import datetime
import json
import os
import sys

import numpy as np
import skimage.color
import skimage.draw
import skimage.io
from small import SmallNetwork

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from mrcnn import model as modellib  # noqa: E402
from mrcnn import utils  # noqa: E402
from mrcnn.config import Config  # noqa: E402

ROOT_DIR = os.getcwd()
COCO_WEIGHTS_PATH = os.path.join(ROOT_DIR, "mask_rcnn_coco.h5")
DEFAULT_LOGS_DIR = os.path.join(ROOT_DIR, "logs")


class BalloonConfig(Config):
    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1  # background, balloon
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9
    EPOCHS_OF_HEADS = 30


class SmallBalloonConfig(SmallNetwork, BalloonConfig):
    EPOCHS_OF_HEADS = 1


class BalloonDataset(utils.Dataset):
    def load_balloon(self, dataset_dir, subset):
        """Add the photos of a subset, "train" or "val", a folder with its own JSON file."""
        self.add_class("balloon", 1, "balloon")
        assert subset in ["train", "val"]
        dataset_dir = os.path.join(dataset_dir, subset)
        with open(os.path.join(dataset_dir, "via_region_data.json")) as f:
            annotations = [a for a in json.load(f).values() if a["regions"]]
        for a in annotations:
            # A dict of regions up to VIA 1.6, a list from 2.0 on.
            regions = a["regions"]
            regions = regions.values() if type(regions) is dict else regions
            polygons = [r["shape_attributes"] for r in regions]
            path = os.path.join(dataset_dir, a["filename"])
            height, width = skimage.io.imread(path).shape[:2]
            self.add_image("balloon", image_id=a["filename"], path=path,
                           width=width, height=height, polygons=polygons)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "balloon":
            return super(self.__class__, self).load_mask(image_id)
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = skimage.draw.polygon(p["all_points_y"], p["all_points_x"], mask.shape[:2])
            mask[rr, cc, i] = 1
        return mask.astype(bool), np.ones([mask.shape[-1]], dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "balloon":
            return info["path"]
        return super(self.__class__, self).image_reference(image_id)


def train(model, dataset_dir):
    dataset_train = BalloonDataset()
    dataset_train.load_balloon(dataset_dir, "train")
    dataset_train.prepare()
    dataset_val = BalloonDataset()
    dataset_val.load_balloon(dataset_dir, "val")
    dataset_val.prepare()
    print("Training network heads")
    model.train(dataset_train, dataset_val,
                learning_rate=model.config.LEARNING_RATE,
                epochs=model.epoch + model.config.EPOCHS_OF_HEADS,
                layers="heads")


def color_splash(image, mask):
    """The image in gray, with the colours of the objects.

    image: RGB [height, width, 3]
    mask: [height, width, instances]
    """
    gray = skimage.color.gray2rgb(skimage.color.rgb2gray(image)) * 255
    if mask.shape[-1] > 0:
        anywhere = np.sum(mask, -1, keepdims=True) >= 1
        return np.where(anywhere, image, gray).astype(np.uint8)
    return gray.astype(np.uint8)


def detect_and_color_splash(model, image_path):
    print(f"Running on {image_path}")
    image = skimage.io.imread(image_path)
    r = model.detect([image], verbose=1)[0]
    file_name = f"splash_{datetime.datetime.now():%Y%m%dT%H%M%S}.png"
    skimage.io.imsave(file_name, color_splash(image, r["masks"]), check_contrast=False)
    print("Saved to ", file_name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train Mask R-CNN to detect balloons.")
    parser.add_argument("command", metavar="<command>", help="'train' or 'splash'")
    parser.add_argument("--dataset", help="folder with train/ and val/")
    parser.add_argument("--weights", required=True, help="path, 'coco', 'imagenet' or 'last'")
    parser.add_argument("--logs", default=DEFAULT_LOGS_DIR, help="logs and checkpoints")
    parser.add_argument("--image", help="photo to splash")
    parser.add_argument("--small", action="store_true", help="a small network")
    args = parser.parse_args()
    if args.command == "train":
        assert args.dataset, "Argument --dataset is required for training"
    elif args.command == "splash":
        assert args.image, "Provide --image to apply color splash"

    base = SmallBalloonConfig if args.small else BalloonConfig
    if args.command == "train":
        config = base()
    else:
        class InferenceConfig(base):
            GPU_COUNT = 1
            IMAGES_PER_GPU = 1
        config = InferenceConfig()
    config.display()

    mode = "training" if args.command == "train" else "inference"
    model = modellib.MaskRCNN(mode=mode, config=config, model_dir=args.logs)

    if args.weights.lower() == "coco":
        weights_path = COCO_WEIGHTS_PATH
        if not os.path.exists(weights_path):
            utils.download_trained_weights(weights_path)
    elif args.weights.lower() == "last":
        weights_path = model.find_last()
    elif args.weights.lower() == "imagenet":
        weights_path = model.get_imagenet_weights()
    else:
        weights_path = args.weights

    print("Loading weights ", weights_path)
    if args.weights.lower() == "coco":
        # COCO has another number of classes.
        model.load_weights(weights_path, by_name=True, exclude=[
            "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
    else:
        model.load_weights(weights_path, by_name=True)

    if args.command == "train":
        train(model, args.dataset)
    elif args.command == "splash":
        detect_and_color_splash(model, image_path=args.image)
    else:
        print(f"'{args.command}' is not recognized. Use 'train' or 'splash'")
