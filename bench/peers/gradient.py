"""Input gradients on PyTorch, driven by gradient.mjs: one JSON request per line, one JSON answer per line."""

import copy
import time

import numpy as np
import torch
import torch.nn.functional as F

from answer import answer_requests
from networks import network

held = {}


def load(request):
    """Keeps a network with its inputs under a name."""
    torch.set_num_threads(request["threads"])
    x, y = batch(request)
    module = network(request["net"], request["path"], request["fold"])
    if request["channelsLast"] and x.dim() == 4:
        module = module.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    held[request["as"]] = (module, x.requires_grad_(True), y)
    return {}


def batch(request):
    x = torch.from_numpy(np.fromfile(request["x"], np.float32).reshape(request["shape"]))
    return x, torch.from_numpy(np.fromfile(request["y"], np.int64))


def gradient(module, x, y):
    logits = module(x)
    (g,) = torch.autograd.grad(F.cross_entropy(logits, y, reduction="sum"), x)
    return logits.detach(), g


def check(request):
    """Each sample's relative L2 distance from double precision: of the results in files, and of our own."""
    module = held[request["as"]][0]
    x, y = batch(request)
    single = gradient(module, x.requires_grad_(True), y)
    exact = gradient(copy.deepcopy(module).double(), x.detach().double().requires_grad_(True), y)
    answer = {}
    for key, own, reference in zip(("logits", "gradient"), single, exact):
        given = torch.from_numpy(np.fromfile(request[key], np.float32)).view_as(reference)
        answer[key] = {"ours": distances(given, reference), "own": distances(own, reference)}
    return answer


def distances(a, b):
    a, b = a.double().flatten(1), b.flatten(1)
    return ((a - b).norm(dim=1) / b.norm(dim=1)).tolist()


def run(request):
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(request["steps"]):
        gradient(*held[request["as"]])
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def drop(request):
    held.pop(request["as"], None)
    return {}


def versions(_):
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


answer_requests({"load": load, "check": check, "run": run, "drop": drop, "versions": versions})
