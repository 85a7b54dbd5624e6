"""Attacks of the field's Python libraries, driven by attacks.mjs: one JSON request per line, one JSON answer per line."""

import contextlib
import inspect
import os
import sys
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"
warnings.filterwarnings("ignore")

import adv_lib.attacks
import art.attacks.evasion
import foolbox
import numpy as np
import onnx2torch
import pyautoattack
import torch
import torchattacks
from art.estimators.classification import PyTorchClassifier

from answer import answer_requests

torch.set_num_threads(1)
ORDER = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}
held = {}


class Counted(torch.nn.Module):
    """A network that counts the images that pass through it, forwards and backwards."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.forwards = self.backwards = 0

    def forward(self, x):
        logits = self.net(x)
        self.forwards += len(x)
        if logits.requires_grad:
            logits.register_hook(self.back)
        return logits

    def back(self, gradient):
        self.backwards += len(gradient)


def load(request):
    """Keeps a network and its images; says how far its scores are from the given ones, which ONNX Runtime computed."""
    net = onnx2torch.convert(request["path"]).eval().requires_grad_(False)
    x = torch.from_numpy(np.fromfile(request["x"], np.float32).reshape(request["shape"]))
    y = torch.from_numpy(np.fromfile(request["y"], np.int64))
    held.update(model=Counted(net).eval(), x=x, y=y)
    with torch.no_grad():
        scores = net(x)
    given = torch.from_numpy(np.fromfile(request["scores"], np.float32)).view_as(scores)
    return {"difference": (scores - given).abs().max().item(), "size": scores.abs().max().item()}


def run(request):
    """Runs one attack on the given rows, a batch at a time, and writes what it hands out."""
    model, rows = held["model"], torch.tensor(request["rows"])
    library, name = request["call"].split(".", 1)
    torch.manual_seed(0)
    np.random.seed(0)
    model.forwards = model.backwards = 0
    results = []
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(sys.stderr):
        for some in rows.split(request["batch"]):
            x, y = held["x"][some].clone(), held["y"][some].clone()
            results.append(
                LIBRARIES[library](name, request["options"], request["norm"], request.get("eps"), model, x, y)
            )
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    adversarials = torch.cat([torch.as_tensor(r).detach() for r in results]).clamp(0, 1)
    adversarials.float().numpy().tofile(request["out"])
    count = len(rows)
    return {**spent, "forwards": model.forwards / count, "backwards": model.backwards / count}


def taken(call, given):
    """Of what is given, what a call takes."""
    takes = inspect.signature(call).parameters
    return {key: value for key, value in given.items() if key in takes and value is not None}


def adversarial_library(name, options, norm, eps, model, x, y):
    attack = getattr(adv_lib.attacks, name)
    return attack(model, x, y, **taken(attack, {"norm": ORDER[norm], "distance": norm, "eps": eps, "ε": eps}), **options)


def foolbox_(name, options, norm, eps, model, x, y):
    attack = getattr(foolbox.attacks, name)(**options)
    criterion = foolbox.criteria.Misclassification(y)
    _, clipped, _ = attack(foolbox.PyTorchModel(model, bounds=(0, 1)), x, criterion, epsilons=eps)
    return clipped


def torchattacks_(name, options, norm, eps, model, x, y):
    attack = getattr(torchattacks, name)
    return attack(model, **taken(attack, {"norm": norm.capitalize(), "eps": eps}), **options)(x, y)


def robustness_toolbox(name, options, norm, eps, model, x, y):
    attack = getattr(art.attacks.evasion, name)
    classes = held["y"].max().item() + 1
    estimator = PyTorchClassifier(
        model, torch.nn.CrossEntropyLoss(), x.shape[1:], classes, clip_values=(0, 1), device_type="cpu"
    )
    common = {"norm": ORDER[norm], "eps": eps, "batch_size": len(x), "verbose": False}
    return attack(estimator, **taken(attack, common), **options).generate(x.numpy(), np.eye(classes)[y.numpy()])


def auto_attack(name, options, norm, eps, model, x, y):
    """One stage of its standard version."""
    suite = pyautoattack.AutoAttack(model, norm=norm.capitalize(), eps=eps, seed=0, version="standard")
    suite.apgd.loss = "ce"
    suite.fab.targeted = True
    stages = {"apgd-ce": suite.apgd, "apgd-t": suite.apgd_targeted, "fab-t": suite.fab, "square": suite.square}
    for key, value in options.items():
        if not hasattr(stages[name], key):
            raise ValueError(f"{name} has no {key}")
        setattr(stages[name], key, value)
    return stages[name].perturb(x, y)


LIBRARIES = {
    "al": adversarial_library,
    "fb": foolbox_,
    "ta": torchattacks_,
    "art": robustness_toolbox,
    "aa": auto_attack,
}


def versions(_):
    from importlib.metadata import version

    names = ("torch", "adv-lib", "foolbox", "torchattacks", "adversarial-robustness-toolbox", "pyautoattack")
    return {name: version(name) for name in names}


answer_requests({"load": load, "run": run, "versions": versions})
