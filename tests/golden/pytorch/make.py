"""Writes the files of torch.save that tests/import.rs reads. `make.py [OUT]`; the files here are by PyTorch 2.15.

Values are formulas of their index, so that the test knows them: element i of tensor t is (i * 7 + t * 3) % 23 - 11, over 8.
"""
import sys
from collections import OrderedDict

import torch

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden/pytorch"


def fill(t, *shape, dtype=torch.float32):
    n = 1
    for size in shape:
        n *= size
    i = torch.arange(n, dtype=torch.int64)
    return (((i * 7 + t * 3) % 23 - 11).to(torch.float64) / 8).reshape(shape).to(dtype)


def formats():
    """Every element type, a transposed tensor, one that begins within a storage, two that share one, an empty and a scalar one."""
    shared = fill(6, 10)
    state = OrderedDict(
        f64=fill(0, 2, 3, dtype=torch.float64), f32=fill(1, 4), f16=fill(2, 3, dtype=torch.float16),
        bf16=fill(3, 3, dtype=torch.bfloat16), transposed=fill(4, 3, 2).t(), strided=fill(5, 4, 5)[1:, ::2],
        first=shared[:4], second=shared[3:].reshape(7), empty=torch.zeros(0, 3), scalar=fill(7, 1)[0],
        num_batches_tracked=torch.tensor(12345), parameter=torch.nn.Parameter(fill(8, 2, 2)),
    )
    state._metadata = OrderedDict([("", {"version": 1})])
    return state


BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def network(kind, depth=18, width=1, classes=3, channels=1, stem="cifar", shortcut=True):
    """A state dict with the published names."""
    state, tag = OrderedDict(), [0]

    def add(name, *shape):
        tag[0] += 1
        state[name] = fill(tag[0], *shape)

    def conv(name, o, i, k, sparse):
        add(name + (".dn" if sparse else "") + ".weight", o, i, k, k)
        if sparse:
            state[name + ".dn.step_size"] = torch.tensor(0.05)

    def norm(name, c):
        add(name + ".weight", c)
        add(name + ".bias", c)
        add(name + ".running_mean", c)
        state[name + ".running_var"] = fill(0, c).abs() + 1
        state[name + ".num_batches_tracked"] = torch.tensor(7)

    every = kind == "sdnet_all"
    conv("layer0.0", width, channels, 7 if stem == "imagenet" else 3, kind != "resnet")
    norm("layer0.1", width)
    if stem == "imagenet" and every:
        conv("layer0.2", width, width, 3, True)
    before = width
    for stage, count in enumerate(BLOCKS[depth], 1):
        planes = width << (stage - 1)
        for block in range(count):
            name = f"layer{stage}.{'layers.' if every else ''}{block}"
            conv(name + ".conv1", planes, before, 3, every)
            norm(name + ".bn1", planes)
            conv(name + ".conv2", planes, planes, 3, every)
            norm(name + ".bn2", planes)
            if shortcut and (before != planes or (stage > 1 and block == 0)):
                conv(name + ".shortcut.0", planes, before, 1, False)
                norm(name + ".shortcut.1", planes)
            before = planes
    add("linear.weight", classes, before)
    add("linear.bias", classes)
    return state


def training(state):
    """A checkpoint as training programs write it."""
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60, 90])
    return {
        "epoch": 17, "state_dict": state, "perf": 93.25, "optimizer": optimizer.state_dict(), "lr_scheduler": schedule.state_dict()
    }


class Hostile:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        import os

        return (os.system, ("touch /tmp/unpickled",))


old = {"_use_new_zipfile_serialization": False}
torch.save(formats(), f"{out}/formats.pth")
torch.save(formats(), f"{out}/formats_old.pth", **old)
parallel = OrderedDict((f"module.{name}", tensor) for name, tensor in network("sdnet").items())
torch.save(training(parallel), f"{out}/training.pth.tar")
torch.save(training(network("sdnet_all", shortcut=False)), f"{out}/training_old.pth.tar", **old)
torch.save({"state_dict": {"a": torch.zeros(1)}, "more": Hostile()}, f"{out}/hostile.pth")
torch.save(torch.nn.Linear(2, 2), f"{out}/whole_model.pth")
