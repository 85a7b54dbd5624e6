"""The networks of bench/nets.mjs as PyTorch modules whose parameters have the names of the ONNX initializers."""

import onnx
import onnx.numpy_helper
import torch
from torch import nn


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(channels, width, stride)

    def forward(self, x):
        h = torch.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return torch.relu(h + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(channels, 4 * width, stride)

    def forward(self, x):
        h = torch.relu(self.bn1(self.conv1(x)))
        h = torch.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return torch.relu(h + (x if self.downsample is None else self.downsample(x)))


def shortcut(channels, out, stride):
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class ResNet(nn.Module):
    def __init__(self, block, counts):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage, count in enumerate(counts):
            width = 64 << stage
            layers = []
            for i in range(count):
                layers.append(block(channels, width, 2 if i == 0 and stage > 0 else 1))
                channels = width * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x):
        h = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        return self.fc(h.mean((2, 3)))


def step(channels, out, kernel, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    def __init__(self, channels, out, stride, expansion):
        super().__init__()
        hidden = channels * expansion
        layers = [step(channels, hidden, 1)] if expansion > 1 else []
        layers.append(step(hidden, hidden, 3, stride, hidden))
        layers += [nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    TABLE = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self):
        super().__init__()
        layers = [step(3, 32, 3, 2)]
        channels = 32
        for expansion, out, repeats, stride in self.TABLE:
            for i in range(repeats):
                layers.append(InvertedResidual(channels, out, stride if i == 0 else 1, expansion))
                channels = out
        layers.append(step(channels, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 1000))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1, 1)
        self.maxpool = nn.MaxPool2d(2)
        self.linear1 = nn.Linear(64 * 7 * 7, 200)
        self.linear2 = nn.Linear(200, 10)

    def forward(self, x):
        h = self.maxpool(torch.relu(self.conv1(x)))
        h = self.maxpool(torch.relu(self.conv2(h)))
        return self.linear2(torch.relu(self.linear1(h.flatten(1))))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 512)
        self.fc2 = nn.Linear(512, 512)
        self.fc3 = nn.Linear(512, 10)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


BUILDERS = {
    "resnet-18": lambda: ResNet(BasicBlock, (2, 2, 2, 2)),
    "resnet-50": lambda: ResNet(Bottleneck, (3, 4, 6, 3)),
    "mobilenet-v2": MobileNetV2,
    "lenet5": LeNet5,
    "mlp": MLP,
}


def network(name, path, fold):
    """The named network in inference mode with the weights of an ONNX file, BatchNorm folded if asked for."""
    with torch.device("meta"):
        module = BUILDERS[name]()
    weights = {
        i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy())
        for i in onnx.load(path).graph.initializer
    }
    wanted = {k for k in module.state_dict() if not k.endswith("num_batches_tracked")}
    missing = wanted - weights.keys()
    if missing:
        raise ValueError(f"{path} lacks {sorted(missing)[:3]}")
    state = {k: weights[k] for k in wanted}
    for k in module.state_dict():
        state.setdefault(k, torch.zeros((), dtype=torch.long))
    module.load_state_dict(state, assign=True)
    module.eval().requires_grad_(False)
    return fold_batch_norm(module) if fold else module


def fold_batch_norm(module):
    """Puts every BatchNorm2d into the convolution before it: PyTorch's own optimisation for inference."""
    from torch.fx.experimental.optimization import fuse

    return fuse(module, no_trace=False).requires_grad_(False)
