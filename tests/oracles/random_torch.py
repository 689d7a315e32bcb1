"""Random parameters and batch norm statistics for PyTorch's networks, under which every layer matters."""

import torch

# The operators of torchvision's wheel need the torch that it was built with; to be imported, by timm too, it
# needs their names.
for operator in ("nms", "qnms"):
    torch.library.define(
        f"torchvision::{operator}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
    )


def randomise(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Redraw all of `network` from `seed`: pre-activations reach past the kinks of h-swish on both sides."""
    draw = torch.Generator().manual_seed(seed)

    def normal(like, scale):
        return torch.randn(like.shape, generator=draw) * scale

    def uniform(like, low, high):
        return low + (high - low) * torch.rand(like.shape, generator=draw)

    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                inputs = layer.weight[0].numel()
                layer.weight.copy_(
                    normal(layer.weight, (3 * inputs) ** -0.5 * (1 + (layer.bias is not None)))
                )
                if layer.bias is not None:
                    layer.bias.copy_(normal(layer.bias, 1.5))
            elif isinstance(layer, torch.nn.BatchNorm2d):
                # As small as epsilon, here and there: then a wrong epsilon shows.
                small = torch.rand(layer.weight.shape, generator=draw) < 0.05
                layer.weight.copy_(uniform(layer.weight, 1.5, 3.0) * torch.where(small, 0.05, 1.0))
                layer.bias.copy_(normal(layer.bias, 1.0))
                layer.running_mean.copy_(normal(layer.running_mean, 0.3))
                variance = uniform(layer.running_var, 0.5, 1.5)
                layer.running_var.copy_(torch.where(small, 1e-3, variance))
    return network.eval()


def image(height: int, width: int, seed: int) -> torch.Tensor:
    """A random image [1, 3, height, width]."""
    return torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(seed))
