"""Layers, parameters and operations of a configuration's network.

A multiplication with its addition counts as two operations (FLOPs); those of convolutions and
dense layers are counted, for one photo, with the proposals and detections of inference.
"""

from fashion.commands import common, cspn, cspn_summary, models
from fashion.config import CONFIGS

HELP = "layers, parameters and GFLOPs of a network"


def add_arguments(parser):
    parser.add_argument("--config", choices=CONFIGS, metavar="NAME", default="deepfashion2",
                        help=f"{', '.join(CONFIGS)} (default: %(default)s)")
    parser.add_argument("--image-size", type=int, metavar="PX",
                        help="side of a square image, a multiple of 64 (default: the "
                             "configuration's)")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                        help="change knobs of the configuration")
    parser.add_argument("--parts", action="store_true", help="leave the single layers out")


def run(arguments):
    config = models.make_config(arguments.config, arguments.set)
    if cspn.is_cspn(config):
        return cspn_summary.run(config)
    common.load_backend()
    from mrcnn.cost import layer_costs

    shape = config.IMAGE_SHAPE
    if arguments.image_size:
        shape = (arguments.image_size, arguments.image_size, config.IMAGE_CHANNEL_COUNT)
    network = models.build("inference", models.Model(config, None), models.LOGS).network
    costs = layer_costs(network.inference_graph(shape))
    if not arguments.parts:
        _print_layers(costs)
    print(f"{config.NAME}: {config.BACKBONE}, image {shape[0]} x {shape[1]} px, "
          f"{config.POST_NMS_ROIS_INFERENCE:,} proposals, {config.DETECTION_MAX_INSTANCES} "
          "detections\n")
    _print_parts(costs)
    return 0


def _print_layers(costs):
    print(f"{'layer':24} {'kind':16} {'largest output':>22} {'parameters':>12} {'trained':>12} "
          f"{'GFLOPs':>9}")
    for cost in costs:
        output = " x ".join(str(side) for side in cost.shapes[0][1:])
        print(f"{cost.name:24} {cost.kind:16} {output:>22} {cost.parameters:>12,} "
              f"{cost.trainable:>12,} {cost.flops / 1e9:>9.3f}")
    print()


def _print_parts(costs):
    from mrcnn.cost import part_costs

    totals = part_costs(costs)
    totals["all"] = [sum(column) for column in zip(*totals.values(), strict=True)]
    print(f"{'part':24} {'parameters':>14} {'trained':>14} {'GFLOPs':>10}")
    for part, (parameters, trainable, flops) in totals.items():
        print(f"{part:24} {parameters:>14,} {trainable:>14,} {flops / 1e9:>10.1f}")
