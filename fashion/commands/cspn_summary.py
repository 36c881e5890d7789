"""What the stages of a landmark network cost, for `summary`, beside the figures of the paper."""

from fashion.commands import common
from fashion.evaluation import published

NOTE = """\
A multiplication with its addition counts as two operations, a parameter as four bytes, a megabyte
as 10^6 of them; the last step to the heatmaps, 0.3 GFLOPs a stage at full size, is left out. The
paper says neither what it counts nor how; its megabytes of one stage are fewer than those of the
ResNet-101 that is in it. Here as there every stage adds about the same: three 3x3 convolutions of
256 filters on maps of 16, 32 and 64 cells, 6.3 GFLOPs and 7.1 MB, where the paper has 8, 6 and 7
GFLOPs and 19, 8 and 7 MB. Its first stage has 13 GFLOPs more, and its second 12 MB, in layers
that it does not describe."""


def run(config):
    """Prints the table. Returns the exit code.

    Args:
        config: `fashion.cspn.config.CSPNConfig`.
    """
    common.load_backend()
    from fashion.cspn.network import Network
    from mrcnn.cost import layer_costs

    side = config.IMAGE_SHAPE[0]
    print(f"{config.NAME}: {config.BACKBONE}, crops and heatmaps of {side} x {side} px, "
          f"{config.NUM_KEYPOINTS} landmarks\n")
    print(f"{'stages':<12} {'parameters':>12} {'MB':>8} {'GFLOPs':>8}   the paper: MB, GFLOPs")
    for paper in published.CSPN["stages"]:
        stages = paper["stages"]
        network = Network(config.override({"CSPN_STAGES": stages}))
        costs = layer_costs(network.inference_graph())
        if stages == 1:
            _print_row("backbone", [cost for cost in costs if not cost.name.startswith("cspn_")])
        _print_row(stages, costs, f"{paper['MB']:>16} {paper['GFLOPs']:>7}")
    print(f"\n{NOTE}")
    return 0


def _print_row(title, costs, ending=""):
    parameters = sum(cost.parameters for cost in costs)
    gflops = sum(cost.flops for cost in costs) / 1e9
    print(f"{title:<12} {parameters:>12,} {4 * parameters / 1e6:>8.1f} {gflops:>8.2f}{ending}")
