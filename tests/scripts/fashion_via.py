"""Tops, boots and bags, cut out of photos: a user's script of several classes.

Outlines of the VGG Image Annotator, each with its class in the region attribute "name"; COCO
weights; then every garment by itself, masked and cropped to its box, for a second stage.

    python fashion_via.py train --dataset=/path/to/photos --weights=coco
    python fashion_via.py extract --weights=last --image=photo.jpg

Results and logs go to the folder of work. `--small` takes a network for a laptop.
"""

import argparse
import json
import os
import sys

import numpy as np
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
CLASS_NAMES = ["BG", "top", "boots", "bag"]


class FashionConfig(Config):
    NAME = "fashion"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 3  # background, top, boots, bag
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9
    EPOCHS_OF_HEADS = 20


class SmallFashionConfig(SmallNetwork, FashionConfig):
    EPOCHS_OF_HEADS = 1


class FashionDataset(utils.Dataset):
    def load_fashion(self, dataset_dir, subset):
        self.add_class("fashion", 1, "top")
        self.add_class("fashion", 2, "boots")
        self.add_class("fashion", 3, "bag")
        assert subset in ["train", "val"]
        dataset_dir = os.path.join(dataset_dir, subset)
        with open(os.path.join(dataset_dir, "via_region_data.json")) as f:
            annotations = [a for a in json.load(f).values() if a["regions"]]
        for a in annotations:
            polygons = [r["shape_attributes"] for r in a["regions"].values()]
            names = [r["region_attributes"]["name"] for r in a["regions"].values()]
            class_list = np.array([CLASS_NAMES.index(name) for name in names])
            path = os.path.join(dataset_dir, a["filename"])
            height, width = skimage.io.imread(path).shape[:2]
            self.add_image("fashion", image_id=a["filename"], path=path, width=width,
                           height=height, polygons=polygons, class_list=class_list)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "fashion":
            return super(self.__class__, self).load_mask(image_id)
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = skimage.draw.polygon(p["all_points_y"], p["all_points_x"], mask.shape[:2])
            mask[rr, cc, i] = 1
        return mask.astype(bool), info["class_list"]

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]


def train(model, dataset_dir):
    dataset_train = FashionDataset()
    dataset_train.load_fashion(dataset_dir, "train")
    dataset_train.prepare()
    dataset_val = FashionDataset()
    dataset_val.load_fashion(dataset_dir, "val")
    dataset_val.prepare()
    model.train(dataset_train, dataset_val,
                learning_rate=model.config.LEARNING_RATE,
                epochs=model.config.EPOCHS_OF_HEADS,
                layers="heads")


def extract(model, image_path, output_dir):
    """Save each garment of a photo on white, cropped to its box: 000_bag_0.97.png."""
    image = skimage.io.imread(image_path)
    r = model.detect([image], verbose=1)[0]
    os.makedirs(output_dir, exist_ok=True)
    for i in range(r["rois"].shape[0]):
        y1, x1, y2, x2 = r["rois"][i]
        garment = np.where(r["masks"][:, :, i:i + 1], image, 255)[y1:y2, x1:x2]
        name = f"{i:03}_{CLASS_NAMES[r['class_ids'][i]]}_{r['scores'][i]:.2f}.png"
        skimage.io.imsave(os.path.join(output_dir, name), garment.astype(np.uint8),
                          check_contrast=False)
    np.save(os.path.join(output_dir, "rois.npy"), r["rois"])
    print(f"Saved {len(r['rois'])} garments to {output_dir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train Mask R-CNN on tops, boots and bags.")
    parser.add_argument("command", metavar="<command>", help="'train' or 'extract'")
    parser.add_argument("--dataset", help="folder with train/ and val/")
    parser.add_argument("--weights", required=True, help="path, 'coco', 'imagenet' or 'last'")
    parser.add_argument("--logs", default=DEFAULT_LOGS_DIR, help="logs and checkpoints")
    parser.add_argument("--image", help="photo to take garments from")
    parser.add_argument("--output", default="garments", help="folder of the garments")
    parser.add_argument("--small", action="store_true", help="a small network")
    args = parser.parse_args()

    base = SmallFashionConfig if args.small else FashionConfig
    if args.command == "train":
        assert args.dataset, "Argument --dataset is required for training"
        config = base()
    else:
        assert args.image, "Provide --image to extract garments from"

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
        model.load_weights(weights_path, by_name=True, exclude=[
            "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
    elif args.weights.lower() == "last":
        model.load_weights(model.find_last(), by_name=True)
    elif args.weights.lower() == "imagenet":
        model.load_weights(model.get_imagenet_weights(), by_name=True)
    else:
        model.load_weights(args.weights, by_name=True)

    if args.command == "train":
        train(model, args.dataset)
    elif args.command == "extract":
        extract(model, args.image, args.output)
    else:
        print(f"'{args.command}' is not recognized. Use 'train' or 'extract'")
