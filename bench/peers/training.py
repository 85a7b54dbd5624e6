"""Training steps on PyTorch, driven by training.mjs: one JSON request per line, one JSON answer per line."""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from answer import answer_requests

torch.set_num_threads(1)
held = {}


class StridedCnn(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 4, 2, 1)
        self.conv2 = nn.Conv2d(16, 32, 4, 2, 1)
        self.fc1 = nn.Linear(32 * 7 * 7, 100)
        self.fc2 = nn.Linear(100, classes)

    def forward(self, x):
        h = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return self.fc2(torch.relu(self.fc1(h.flatten(1))))


class MnistCnn(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 32, 3)
        self.conv3 = nn.Conv2d(32, 64, 3)
        self.conv4 = nn.Conv2d(64, 64, 3)
        self.fc1 = nn.Linear(64 * 4 * 4, 200)
        self.fc2 = nn.Linear(200, 200)
        self.fc3 = nn.Linear(200, classes)

    def forward(self, x):
        h = F.max_pool2d(torch.relu(self.conv2(torch.relu(self.conv1(x)))), 2)
        h = F.max_pool2d(torch.relu(self.conv4(torch.relu(self.conv3(h)))), 2)
        h = F.dropout(torch.relu(self.fc1(h.flatten(1))), 0.5, self.training)
        return self.fc3(torch.relu(self.fc2(h)))


class MadryCnn(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, 1, 2)
        self.conv2 = nn.Conv2d(32, 64, 5, 1, 2)
        self.fc1 = nn.Linear(64 * 7 * 7, 1024)
        self.fc2 = nn.Linear(1024, classes)

    def forward(self, x):
        h = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        h = F.max_pool2d(torch.relu(self.conv2(h)), 2)
        return self.fc2(torch.relu(self.fc1(h.flatten(1))))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.projects = stride > 1 or inputs != outputs
        if self.projects:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        h = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(h + (self.norm(self.shortcut(x)) if self.projects else x))


class ResNet18(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(64)
        inputs = 64
        for stage, width in enumerate((64, 128, 256, 512), 1):
            first = BasicBlock(inputs, width, 2 if stage > 1 else 1)
            setattr(self, f"stage{stage}", nn.ModuleDict({"1": first, "2": BasicBlock(width, width, 1)}))
            inputs = width
        self.head = nn.Linear(512, classes)

    def forward(self, x):
        h = torch.relu(self.stem_norm(self.stem(x)))
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4):
            h = stage["2"](stage["1"](h))
        return self.head(h.mean((2, 3)))


NETWORKS = {
    "strided-cnn": StridedCnn,
    "mnist-cnn": MnistCnn,
    "madry-cnn": MadryCnn,
    "resnet18": ResNet18,
}


def load(request):
    """The network with its first weights, a batch and an optimiser."""
    layout = torch.channels_last if request["channelsLast"] else torch.contiguous_format
    module = NETWORKS[request["net"]](request["classes"])
    module.load_state_dict({name: array(p) for name, p in request["parameters"].items()}, strict=False)
    module = module.to(memory_format=layout)
    # As on our side: what multiplies an activation decays, offsets and gains do not.
    groups = [
        {"params": [p for p in module.parameters() if p.dim() > 1]},
        {"params": [p for p in module.parameters() if p.dim() <= 1], "weight_decay": 0},
    ]
    rate = request["rate"]
    optimiser = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=rate, weight_decay=0.01),
        "sgd": lambda: torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=5e-4),
    }[request["optimiser"]]()
    x = torch.from_numpy(np.fromfile(request["x"], np.float32).reshape(request["shape"]))
    y = torch.from_numpy(np.fromfile(request["y"], np.int64))
    held.update(
        module=module,
        optimiser=optimiser,
        x=x.to(memory_format=layout),
        y=y,
        eps=request["eps"],
        steps=request["steps"],
    )
    return {}


def array(given):
    return torch.from_numpy(np.fromfile(given["path"], np.float32).reshape(given["dims"]))


def attacked(module, x, y, eps, steps):
    """PGD from the sample itself, in evaluation mode; gradients for the samples alone."""
    module.eval()
    size = 2.5 * eps / steps
    low, high = (x - eps).clamp_(0, 1), (x + eps).clamp_(0, 1)
    adversarial = x
    for _ in range(steps):
        adversarial = adversarial.detach().requires_grad_(True)
        loss = F.cross_entropy(module(adversarial), y, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, adversarial)
        with torch.no_grad():
            adversarial = torch.clamp(adversarial + size * gradient.sign(), low, high)
    module.train()
    return adversarial.detach()


def step():
    module, optimiser, x, y = held["module"], held["optimiser"], held["x"], held["y"]
    if held["steps"]:
        x = attacked(module, x, y, held["eps"], held["steps"])
    optimiser.zero_grad(set_to_none=True)
    logits = module(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    optimiser.step()
    # Training reports its loss and accuracy, here as on our side.
    (logits.detach().argmax(1) == y).sum().item()
    return loss.item()


def run(request):
    held["module"].train()
    wall, cpu = time.perf_counter(), time.process_time()
    losses = [step() for _ in range(request["steps"])]
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "losses": losses}


def versions(_):
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


answer_requests({"load": load, "run": run, "versions": versions})
