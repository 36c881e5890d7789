"""Count the nuclei of cells: a user's script in the manner of Matterport's.

A folder for each image, with images/ and masks/, one bitmap a nucleus. Trained on random crops
with an imgaug pipeline; detected on whole images, padded; written as run lengths for submission.

    python nucleus.py train --dataset=/path/to/dataset --subset=train --weights=imagenet
    python nucleus.py detect --dataset=/path/to/dataset --subset=stage1_test --weights=last

Results and logs go to the folder of work. `--small` takes a network for a laptop.
"""

import argparse
import datetime
import os
import sys

import matplotlib

if __name__ == "__main__":
    matplotlib.use("Agg")  # no display is needed

import matplotlib.pyplot as plt
import numpy as np
import skimage.io
from small import SmallNetwork

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from mrcnn import model as modellib  # noqa: E402
from mrcnn import utils, visualize  # noqa: E402
from mrcnn.config import Config  # noqa: E402

# isort: split
# After mrcnn, with which imgaug runs on NumPy 2.
from imgaug import augmenters as iaa  # noqa: E402

ROOT_DIR = os.getcwd()
COCO_WEIGHTS_PATH = os.path.join(ROOT_DIR, "mask_rcnn_coco.h5")
DEFAULT_LOGS_DIR = os.path.join(ROOT_DIR, "logs")
RESULTS_DIR = os.path.join(ROOT_DIR, "results/nucleus/")
VALIDATION = 2  # images held back, the last ones in the order of their names


class NucleusConfig(Config):
    NAME = "nucleus"
    IMAGES_PER_GPU = 6
    NUM_CLASSES = 1 + 1  # background, nucleus
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 4
    DETECTION_MIN_CONFIDENCE = 0
    BACKBONE = "resnet50"
    # Random crops of 512 x 512 of images enlarged to twice their size.
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400
    EPOCHS = (20, 40)  # of the heads, of all layers


class SmallNucleusConfig(SmallNetwork, NucleusConfig):
    IMAGES_PER_GPU = 2
    MAX_GT_INSTANCES = 20
    DETECTION_MAX_INSTANCES = 20
    VALIDATION_STEPS = 1
    EPOCHS = (1, 2)


class NucleusDataset(utils.Dataset):
    def load_nucleus(self, dataset_dir, subset):
        """Add images: "train" and "val" share stage1_train, others are folders of their own."""
        self.add_class("nucleus", 1, "nucleus")
        assert subset in ["train", "val", "stage1_train", "stage1_test", "stage2_test"]
        folder = "stage1_train" if subset in ["train", "val"] else subset
        dataset_dir = os.path.join(dataset_dir, folder)
        image_ids = sorted(next(os.walk(dataset_dir))[1])
        if subset == "train":
            image_ids = image_ids[:-VALIDATION]
        elif subset == "val":
            image_ids = image_ids[-VALIDATION:]
        for image_id in image_ids:
            path = os.path.join(dataset_dir, image_id, f"images/{image_id}.png")
            self.add_image("nucleus", image_id=image_id, path=path)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        mask_dir = os.path.join(os.path.dirname(os.path.dirname(info["path"])), "masks")
        mask = [skimage.io.imread(os.path.join(mask_dir, f)).astype(bool)
                for f in next(os.walk(mask_dir))[2] if f.endswith(".png")]
        mask = np.stack(mask, axis=-1)
        return mask, np.ones([mask.shape[-1]], dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "nucleus":
            return info["id"]
        return super(self.__class__, self).image_reference(image_id)


def train(model, dataset_dir, subset):
    dataset_train = NucleusDataset()
    dataset_train.load_nucleus(dataset_dir, subset)
    dataset_train.prepare()
    dataset_val = NucleusDataset()
    dataset_val.load_nucleus(dataset_dir, "val")
    dataset_val.prepare()
    augmentation = iaa.SomeOf((0, 2), [
        iaa.Fliplr(0.5),
        iaa.Flipud(0.5),
        iaa.OneOf([iaa.Affine(rotate=90), iaa.Affine(rotate=180), iaa.Affine(rotate=270)]),
        iaa.Multiply((0.8, 1.5)),
        iaa.GaussianBlur(sigma=(0.0, 5.0)),
    ])
    heads, everything = model.config.EPOCHS
    print("Train network heads")
    model.train(dataset_train, dataset_val, learning_rate=model.config.LEARNING_RATE,
                epochs=heads, augmentation=augmentation, layers="heads")
    print("Train all layers")
    model.train(dataset_train, dataset_val, learning_rate=model.config.LEARNING_RATE,
                epochs=everything, augmentation=augmentation, layers="all")


def rle_encode(mask):
    """Run lengths of a mask [height, width], down its columns: "start length start length"."""
    m = np.concatenate([[0], mask.T.flatten(), [0]])
    runs = np.where(np.diff(m) != 0)[0].reshape([-1, 2]) + 1
    runs[:, 1] -= runs[:, 0]
    return " ".join(map(str, runs.flatten()))


def mask_to_rle(image_id, mask, scores):
    """Lines of a submission. A pixel belongs to the surest nucleus only."""
    assert mask.ndim == 3, "Mask must be [H, W, count]"
    if mask.shape[-1] == 0:
        return f"{image_id},"
    order = np.argsort(scores)[::-1] + 1
    mask = np.max(mask * np.reshape(order, [1, 1, -1]), -1)
    nuclei = [np.where(mask == o, 1, 0) for o in order]
    return "\n".join(f"{image_id}, {rle_encode(m)}" for m in nuclei if m.sum())


def detect(model, dataset_dir, subset):
    """Detect on all images of a subset; write submit.csv and a picture of each."""
    submit_dir = os.path.join(RESULTS_DIR, f"submit_{datetime.datetime.now():%Y%m%dT%H%M%S}")
    os.makedirs(submit_dir)
    dataset = NucleusDataset()
    dataset.load_nucleus(dataset_dir, subset)
    dataset.prepare()
    submission = []
    for image_id in dataset.image_ids:
        image = dataset.load_image(image_id)
        r = model.detect([image], verbose=0)[0]
        source_id = dataset.image_info[image_id]["id"]
        submission.append(mask_to_rle(source_id, r["masks"], r["scores"]))
        visualize.display_instances(
            image, r["rois"], r["masks"], r["class_ids"], dataset.class_names, r["scores"],
            show_bbox=False, show_mask=False, title="Predictions")
        plt.savefig(f"{submit_dir}/{source_id}.png")
        plt.close()
    with open(os.path.join(submit_dir, "submit.csv"), "w") as f:
        f.write("ImageId,EncodedPixels\n" + "\n".join(submission))
    print("Saved to ", submit_dir)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Mask R-CNN for counting nuclei")
    parser.add_argument("command", metavar="<command>", help="'train' or 'detect'")
    parser.add_argument("--dataset", help="folder of the subsets")
    parser.add_argument("--weights", required=True, help="path, 'coco', 'imagenet' or 'last'")
    parser.add_argument("--logs", default=DEFAULT_LOGS_DIR, help="logs and checkpoints")
    parser.add_argument("--subset", help="subset to train or detect on")
    parser.add_argument("--small", action="store_true", help="a small network")
    args = parser.parse_args()
    if args.command == "train":
        assert args.dataset, "Argument --dataset is required for training"
    elif args.command == "detect":
        assert args.subset, "Provide --subset to run prediction on"

    base = SmallNucleusConfig if args.small else NucleusConfig

    class NucleusInferenceConfig(base):
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1
        IMAGE_RESIZE_MODE = "pad64"
        RPN_NMS_THRESHOLD = 0.7

    config = base() if args.command == "train" else NucleusInferenceConfig()
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
        model.load_weights(weights_path, by_name=True, exclude=[
            "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
    else:
        model.load_weights(weights_path, by_name=True)

    if args.command == "train":
        train(model, args.dataset, args.subset)
    elif args.command == "detect":
        detect(model, args.dataset, args.subset)
    else:
        print(f"'{args.command}' is not recognized. Use 'train' or 'detect'")
