"""Explanations of Captum, driven by explain.mjs: one JSON request per line, one JSON answer per line."""

import copy
import warnings

import captum
import numpy as np
import torch
from captum.attr import (
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from answer import answer_requests
from networks import network

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
held = {}


def array(path, kind, shape):
    return torch.from_numpy(np.fromfile(path, kind).reshape(shape))


class SharedMaxPool(torch.nn.Module):
    """MaxPool2d(2) whose equal values share the gradient, as torch.amax has it."""

    def forward(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).amax((3, 5))


def load(request):
    """Keeps a network and its images; says how far its scores are from the given ones, which ONNX Runtime computed."""
    # Explanations differentiate by inner values, whose parameters must take part.
    module = network(request["net"], request["path"], False).requires_grad_(True)
    if request["share"]:
        module.maxpool = SharedMaxPool()
    x = array(request["x"], np.float32, request["shape"])
    y = array(request["y"], np.int64, len(x))
    held.update(model=module, x=x, y=y)
    with torch.no_grad():
        scores = module(x)
    given = array(request["scores"], np.float32, scores.shape)
    return {"difference": (scores - given).abs().max().item(), "size": scores.abs().max().item()}


def gradient(model, x, y, _):
    return Saliency(model).attribute(x, target=y, abs=False)


def gradient_x_input(model, x, y, _):
    return InputXGradient(model).attribute(x, target=y)


def noise_tunnel(kind):
    def attribute(model, x, y, options):
        """Captum's own mean, squares or variance, over the noise that was given in place of its own."""
        n = options["n"]
        noise = array(options["noise"], np.float32, (len(x) * n, *x.shape[1:])).to(x.dtype)
        own = NoiseTunnel._add_noise_to_input
        NoiseTunnel._add_noise_to_input = staticmethod(lambda given, *_: given.repeat_interleave(n, dim=0) + noise)
        try:
            tunnel = NoiseTunnel(Saliency(model))
            return tunnel.attribute(x, nt_type=kind, nt_samples=n, target=y, abs=False)
        finally:
            NoiseTunnel._add_noise_to_input = own

    return attribute


def integrated_gradients(model, x, y, options):
    method = IntegratedGradients(model)
    baselines = torch.full_like(x, options["baseline"])
    return method.attribute(x, baselines, target=y, n_steps=options["steps"], method="gausslegendre")


def grad_cam(model, x, y, _):
    layer = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)][-1]
    maps = LayerGradCam(model, layer).attribute(x, target=y, relu_attributions=True)
    return LayerAttribution.interpolate(maps, tuple(x.shape[2:]), "bilinear")


def occlusion(model, x, y, options):
    channels, window, stride = x.shape[1], options["window"], options["stride"]
    found = Occlusion(model).attribute(
        x,
        sliding_window_shapes=(channels, window, window),
        strides=(channels, stride, stride),
        baselines=options["baseline"],
        target=y,
    )
    return found[:, :1]


METHODS = {
    "gradient": gradient,
    "gradient-x-input": gradient_x_input,
    "smoothgrad": noise_tunnel("smoothgrad"),
    "smoothgrad-squared": noise_tunnel("smoothgrad_sq"),
    "vargrad": noise_tunnel("vargrad"),
    "integrated-gradients": integrated_gradients,
    "grad-cam": grad_cam,
    "occlusion": occlusion,
}


def distances(a, b):
    return ((a - b).norm(dim=1) / b.norm(dim=1)).tolist()


def compare(request):
    """Each sample's relative L2 distance of the given attribution from Captum's, and of both from Captum's in double precision."""
    model, x, y = held["model"], held["x"], held["y"]
    explain = METHODS[request["method"]]
    single, exact = (
        explain(m, images.clone(), y, request).detach().double().flatten(1)
        for m, images in ((model, x), (copy.deepcopy(model).double(), x.double()))
    )
    found = array(request["found"], np.float32, single.shape).double()
    return {
        "distances": distances(found, single),
        "exact": {"ours": distances(found, exact), "theirs": distances(single, exact)},
    }


def versions(_):
    return {"torch": torch.__version__, "captum": captum.__version__}


answer_requests({"load": load, "compare": compare, "versions": versions})
