"""Writes what docs/from-pytorch.md starts from and must come to: `make.py [OUT]`, with PyTorch and NumPy.

A small sdnet18 is trained for a few steps in float64, on images of four classes, each a bright corner. Then come a checkpoint as
training programs write it, images as arrays, the class scores of the checkpoint (`scores.npy`), and the losses of ten more steps
with fresh velocities (`losses.npy`). Each step projects the atoms to unit norm, finds the step size 0.9 / L to convergence, and
descends (Nesterov's momentum 0.9, weight decay 5e-4).
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../options"))
import make as options  # noqa: E402

out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(__file__) or "."
MEAN, STD, DECAY = 0.286, 0.353, 5e-4
SETTINGS = options.DEFAULTS | dict(kind="sdnet", in_channels=1, stem="cifar", shortcut=True, max_pool=False, layer_lambda={},
                                   layer_iterations={})


class Network(options.Network):
    def normalise(self, x, name, train):
        mean, variance = self.bn[name]
        return F.batch_norm(x, mean, variance, self.p[f"{name}.weight"], self.p[f"{name}.bias"], train, 0.1, 1e-5)


def images(count, seed):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    pixels = generator.integers(0, 160, (count, 20, 20))
    for image, label in zip(pixels, labels):
        image[10 * (label // 2):10 * (label // 2) + 10, 10 * (label % 2):10 * (label % 2) + 10] += 90
    return pixels.astype(np.uint8), labels.astype(np.uint8)


def batch(pixels):
    return (torch.tensor(pixels, dtype=torch.float64)[:, None] / 255 - MEAN) / STD


def prepare(network):
    with torch.no_grad():
        w = network.p["layer0.0.dn.weight"]
        w.copy_(w / w.flatten(1).norm(dim=1).view(-1, 1, 1, 1))
    network.step = {}


def descend(network, x, y, velocities, rate):
    prepare(network)
    loss = F.cross_entropy(network.forward(x, True), y)
    gradients = torch.autograd.grad(loss, list(network.p.values()))
    with torch.no_grad():
        for (name, p), g in zip(network.p.items(), gradients):
            g = g + DECAY * p
            velocities[name] = g if name not in velocities else 0.9 * velocities[name] + g
            p -= rate * (g + 0.9 * velocities[name])
    return float(loss.detach())


def state(network):
    named = {name: p.detach() for name, p in network.p.items()}
    for name, (mean, variance) in network.bn.items():
        named |= {f"{name}.running_mean": mean, f"{name}.running_var": variance, f"{name}.num_batches_tracked": torch.tensor(25)}
    named["layer0.0.dn.step_size"] = torch.tensor(network.step["layer0.0"])
    return {f"module.{name}": v.float() if v.is_floating_point() else v for name, v in named.items()}


network = Network(SETTINGS, width=4)
(train, train_labels), (test, test_labels), (earlier, earlier_labels) = images(16, 1), images(12, 2), images(64, 3)
x, y = batch(earlier), torch.tensor(earlier_labels, dtype=torch.int64)
velocities = {}
for _ in range(25):
    descend(network, x, y, velocities, 0.02)
# What is saved is float32, and what follows starts from that.
prepare(network)
with torch.no_grad():
    for value in [*network.p.values(), *(v for pair in network.bn.values() for v in pair)]:
        value.copy_(value.float())
network.forward(x[:1], False)
scores = network.forward(batch(test), False).detach()
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.02, momentum=0.9, nesterov=True)
torch.save({"epoch": 25, "state_dict": state(network), "perf": 100.0, "optimizer": optimizer.state_dict()}, f"{out}/model.pth.tar")
x, y, fresh = batch(train), torch.tensor(train_labels, dtype=torch.int64), {}
losses = [descend(network, x, y, fresh, 0.002) for _ in range(10)]
for name, array in [("x_train", train), ("y_train", train_labels), ("x_test", test), ("y_test", test_labels),
                    ("scores", scores.numpy().astype(np.float32)), ("losses", np.array(losses))]:
    np.save(f"{out}/{name}.npy", array)
print(losses, scores[:2], (scores.argmax(1).numpy() == test_labels).mean())
