"""Writes golden values of the options of sparse coding layers: `make.py [OUT]`, with PyTorch and safetensors.

The layers are written out here from the definitions in docs/fidelity.md, in float64, with automatic differentiation: the synthesis
is the transposed analysis by autograd, whatever the analysis is. Inputs are rounded to float32 before anything is computed.
Layouts are NCHW and OIHW. The files hold the tensors of a case under `CASE/`, and its settings as JSON in the metadata.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden/options"
torch.set_default_dtype(torch.float64)
random = torch.Generator().manual_seed(1)


def draw(*shape, scale=1.0):
    """Uniform in [-scale, scale), rounded to float32."""
    return ((2 * torch.rand(*shape, generator=random) - 1) * scale).float().double()


def unit(w):
    return (w / w.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (w.dim() - 1))).float().double()


DEFAULTS = dict(stride=1, padding=1, iterations=2, lambda_=0.1, mu=0.0, non_negative=True, solver="fista", root_noise=False,
                normalize_lambda=False, dictionaries=1, padding_mode="zero")


def convolution(w, stride, padding, mode):
    """The analysis A^T of 2-D signals."""
    if mode == "zero":
        return lambda r: F.conv2d(r, w, stride=stride, padding=padding)
    return lambda r: F.conv2d(F.pad(r, (padding,) * 4, mode=mode), w, stride=stride)


def transposed(analysis, z, like):
    x = torch.zeros_like(like, requires_grad=True)
    return torch.autograd.grad(analysis(x), x, z, create_graph=True)[0]


def largest_eigenvalue(analysis, like):
    x = torch.zeros_like(like[:1]).detach()
    v = torch.rand(analysis(x).shape, generator=random)
    for _ in range(500):
        v = v / v.norm()
        v = analysis(transposed(analysis, v, x)).detach()
    return float(v.norm())


def code(x, analysis, step, lambda_, o):
    """The codes of x (already repeated), lambda (already normalised)."""
    def prox(u):
        z = torch.sign(u) * (u.abs() - step * lambda_).clamp_min(0) / (1 + step * o["mu"])
        return z.clamp_min(0) if o["non_negative"] else z

    z = prox(step * analysis(x))
    before, t = torch.zeros_like(z), 1.0
    for _ in range(1, o["iterations"]):
        after = (1 + math.sqrt(1 + 4 * t * t)) / 2
        beta = 0.0 if o["solver"] == "ista" else (t - 1) / after
        y = z + beta * (z - before)
        r = x - transposed(analysis, z if o["solver"] == "published" else y, x)
        if o["root_noise"]:
            r = 0.5 * r / r.flatten(1).norm(dim=1).clamp_min(1e-12).detach().view(-1, *[1] * (r.dim() - 1))
        before, z, t = z, prox(y + step * analysis(r)), after
    return z


def layer(x, analysis, step, o):
    """Codes, reconstruction and dictionary loss."""
    repeated = x.repeat(1, o["dictionaries"], *[1] * (x.dim() - 2))
    lambda_ = o["lambda_"]
    if o["normalize_lambda"]:
        lambda_ = lambda_ * x[0].numel() / analysis(repeated)[0].numel()
    z = code(repeated, analysis, step, lambda_, o)
    back = transposed(analysis, z, repeated)
    loss = (repeated - back).square().sum() / o["dictionaries"] + lambda_ * z.abs().sum() + o["mu"] / 2 * z.square().sum()
    return z, back, loss


LAYERS = {  # name: signal, atoms, kernel, options
    "zero": ((2, 2, 9, 8), 5, 3, {}),
    "reflect": ((2, 2, 9, 8), 5, 5, dict(padding=2, padding_mode="reflect", iterations=3)),
    "replicate": ((2, 3, 7, 10), 6, 5, dict(padding=2, padding_mode="replicate", iterations=4)),
    "circular": ((2, 2, 8, 6), 5, 3, dict(padding_mode="circular", iterations=3)),
    "reflect_stride2": ((1, 4, 9, 8), 5, 3, dict(stride=2, padding_mode="reflect", iterations=3, non_negative=False)),
    "circular_stride2": ((1, 2, 11, 8), 7, 7, dict(stride=2, padding=3, padding_mode="circular", iterations=5)),
    "n_dict": ((2, 3, 8, 8), 7, 3, dict(dictionaries=3, iterations=3)),
    "n_dict_normalized": ((2, 2, 8, 7), 6, 3, dict(dictionaries=2, stride=2, normalize_lambda=True, iterations=3)),
    "elastic_signed": ((2, 3, 8, 8), 6, 3, dict(mu=0.3, non_negative=False, iterations=4)),
    "root_noise_published": ((2, 3, 8, 8), 6, 3, dict(root_noise=True, solver="published", lambda_=0.02, iterations=4)),
    "root_noise_n_dict": ((2, 2, 8, 8), 6, 3, dict(root_noise=True, dictionaries=2, lambda_=0.02, iterations=3, mu=0.1)),
}


def layers():
    tensors, cases = {}, {}

    def case(name, x, w, analysis_of, o, shape2d):
        o = DEFAULTS | o
        x, w = x.requires_grad_(), w.requires_grad_()
        analysis = analysis_of(w)
        step = 0.9 / largest_eigenvalue(analysis, x.repeat(1, o["dictionaries"], *[1] * (x.dim() - 2)))
        step = float(torch.tensor(step, dtype=torch.float32))
        z, back, loss = layer(x, analysis, step, o)
        active = float((z != 0).double().mean())
        assert 0.05 < active < 0.95, (name, active)
        g = draw(*z.shape)
        factor = 0.25
        grads = torch.autograd.grad((z * g).sum(), (x, w), retain_graph=True)
        with_loss = torch.autograd.grad((z * g).sum() + factor * loss, (x, w))
        found = dict(x=x, w=w, g=g, z=z, reconstruction=back, grad_x=grads[0], grad_w=grads[1], loss=(factor * loss).view(1),
                     loss_grad_x=with_loss[0], loss_grad_w=with_loss[1])
        for key, value in found.items():
            tensors[f"{name}/{key}"] = value if key == "loss" else shape2d(value)
        cases[name] = json.dumps(o | dict(step=step, factor=factor, active=active))

    for name, (signal, atoms, kernel, o) in LAYERS.items():
        full = DEFAULTS | o
        w = unit(draw(atoms, full["dictionaries"] * signal[1], kernel, kernel))
        of = lambda w: convolution(w, full["stride"], full["padding"], full["padding_mode"])
        case(name, draw(*signal), w, of, o, lambda t: t)
    # Along one axis, and for vectors: as 2-D maps of height 1.
    flat = lambda t: t.unsqueeze(2)
    line = lambda w: lambda r: F.conv1d(r, w, padding=2)
    case("line", draw(2, 3, 20), unit(draw(5, 3, 5)), line, dict(padding=2, iterations=3), flat)
    dense = lambda w: lambda r: F.linear(r, w)
    case("dense", draw(6, 10), unit(draw(14, 20)), dense, dict(padding=0, dictionaries=2, iterations=4), lambda t: t[:, :, None, None])
    tensors = {key: value.detach().float().contiguous() for key, value in tensors.items()}
    save_file(tensors, f"{out}/layers.safetensors", metadata=cases)


BLOCKS = {18: (2, 2, 2, 2)}
NETWORKS = {  # name: image, settings of the network
    "sdnet_options": ((3, 2, 10, 9), dict(kind="sdnet", in_channels=2, dictionaries=2, padding_mode="reflect", mu=0.1,
                                          non_negative=False, normalize_lambda=True, iterations=3)),
    "sdnet_root_noise": ((3, 1, 9, 10), dict(kind="sdnet", root_noise=True, solver="published", lambda_=0.02, iterations=4)),
    "all_max_pool": ((3, 1, 20, 18), dict(kind="sdnet_all", max_pool=True, padding_mode="circular")),
    "all_max_pool_stem": ((2, 1, 40, 38), dict(kind="sdnet_all", max_pool=True, stem="imagenet", shortcut=False)),
    "all_by_layer": ((3, 1, 16, 16), dict(kind="sdnet_all", dictionaries=2, padding_mode="replicate", lambda_=0.05,
                                          layer_lambda={"layer1": 0.02, "layer1.layers.0.conv2": 0.08, "layer0": 0.15},
                                          layer_iterations={"layer2.layers.1": 4, "layer4": 1})),
}


def of_layer(values, name, usual):
    keys = [key for key in values if name == key or name.startswith(key + ".")]
    return values[max(keys, key=len)] if keys else usual


class Network:
    def __init__(self, o, width=2, classes=4):
        self.o, self.p, self.bn, self.step, self.sites = o, {}, {}, {}, []
        every, sparse = o["kind"] == "sdnet_all", o["kind"] != "resnet"
        self.stem = self.site("layer0.0", o["in_channels"], width, *((3, 1, 1) if o["stem"] == "cifar" else (7, 2, 3)), sparse)
        self.norm("layer0.1", width)
        self.second = self.site("layer0.2", width, width, 3, 2, 1, True) if every and o["stem"] == "imagenet" else None
        self.blocks, channels = [], width
        for stage, count in enumerate(BLOCKS[18]):
            planes = width << stage
            for b in range(count):
                stride = 2 if stage and not b else 1
                name = f"layer{stage + 1}.{'layers.' if every else ''}{b}"
                one = self.site(f"{name}.conv1", channels, planes, 3, stride, 1, every)
                self.norm(f"{name}.bn1", planes)
                two = self.site(f"{name}.conv2", planes, planes, 3, 1, 1, every)
                self.norm(f"{name}.bn2", planes)
                project = o["shortcut"] and (stride != 1 or channels != planes)
                if project:
                    self.p[f"{name}.shortcut.0.weight"] = draw(planes, channels, 1, 1, scale=(3 / channels) ** 0.5)
                    self.norm(f"{name}.shortcut.1", planes)
                self.blocks.append((name, one, two, stride, project))
                channels = planes
        self.p["linear.weight"], self.p["linear.bias"] = draw(classes, channels, scale=(3 / channels) ** 0.5), draw(classes, scale=0.1)
        for value in self.p.values():
            value.requires_grad_()

    def site(self, name, channels, planes, kernel, stride, padding, sparse):
        if not sparse:
            self.p[f"{name}.weight"] = draw(planes, channels, kernel, kernel, scale=(6 / channels) ** 0.5 / kernel)
        else:
            self.p[f"{name}.dn.weight"] = unit(draw(planes, self.o["dictionaries"] * channels, kernel, kernel))
        return name, stride, padding, sparse

    def norm(self, name, channels):
        self.p[f"{name}.weight"], self.p[f"{name}.bias"] = 1 + draw(channels, scale=0.2), draw(channels, scale=0.2)
        self.p[f"{name}.weight"] = self.p[f"{name}.weight"].float().double()
        self.bn[name] = [draw(channels, scale=0.1), (1 + draw(channels, scale=0.3)).float().double()]

    def normalise(self, x, name, train):
        mean, variance = (v.clone() for v in self.bn[name])
        return F.batch_norm(x, mean, variance, self.p[f"{name}.weight"], self.p[f"{name}.bias"], train, 0.1, 1e-5)

    def at(self, site, x):
        name, stride, padding, sparse = site
        if not sparse:
            return F.conv2d(x, self.p[f"{name}.weight"], stride=stride, padding=padding)
        o = self.o
        pool = o["max_pool"] and stride == 2
        analysis = convolution(self.p[f"{name}.dn.weight"], 1 if pool else stride, padding, o["padding_mode"])
        if name not in self.step:
            step = 0.9 / largest_eigenvalue(analysis, x.detach().repeat(1, o["dictionaries"], 1, 1))
            self.step[name] = float(torch.tensor(step, dtype=torch.float32))
        own = o | dict(lambda_=of_layer(o["layer_lambda"], name, o["lambda_"]),
                       iterations=of_layer(o["layer_iterations"], name, o["iterations"]))
        z, _, loss = layer(x, analysis, self.step[name], own)
        self.loss = self.loss + loss
        return F.max_pool2d(z, 2, 2, ceil_mode=True) if pool else z

    def forward(self, x, train):
        self.loss = torch.zeros(())
        x = self.normalise(self.at(self.stem, x), "layer0.1", train)
        if self.second:
            x = self.at(self.second, x)
        elif self.o["stem"] == "imagenet":
            x = F.max_pool2d(x, 3, 2, 1)
        for name, one, two, stride, project in self.blocks:
            h = self.normalise(self.at(one, x), f"{name}.bn1", train)
            h = self.normalise(self.at(two, h if one[3] else F.relu(h)), f"{name}.bn2", train)
            if self.o["shortcut"]:
                s = x
                if project:
                    s = self.normalise(F.conv2d(x, self.p[f"{name}.shortcut.0.weight"], stride=stride), f"{name}.shortcut.1", train)
                h = F.relu(h + s)
            x = h
        return F.linear(x.mean((2, 3)), self.p["linear.weight"], self.p["linear.bias"])


def networks():
    tensors, cases = {}, {}
    for name, (image, o) in NETWORKS.items():
        usual = DEFAULTS | dict(in_channels=1, stem="cifar", shortcut=True, max_pool=False, layer_lambda={}, layer_iterations={})
        o = usual | o
        network, x = Network(o), draw(*image, scale=2.0)
        labels = torch.tensor([(3 * i + 1) % 4 for i in range(image[0])])
        factor = 1e-3
        logits = network.forward(x, False)
        trained = network.forward(x, True)
        cross_entropy = F.cross_entropy(trained, labels)
        total = cross_entropy + factor * network.loss
        grads = torch.autograd.grad(total, list(network.p.values()))
        found = {"x": x, "labels": labels, "logits": logits, "train.logits": trained, "loss": total.view(1)}
        found |= {f"param.{key}": value for key, value in network.p.items()}
        found |= {f"grad.{key}": value for key, value in zip(network.p, grads)}
        for key, (mean, variance) in network.bn.items():
            found |= {f"param.{key}.running_mean": mean, f"param.{key}.running_var": variance}
        found |= {f"param.{key}.dn.step_size": torch.tensor(step) for key, step in network.step.items()}
        tensors |= {f"{name}/{key}": value.detach().float().contiguous() for key, value in found.items()}
        settings = {key: value for key, value in o.items() if key not in ("stride", "padding", "lambda_")}
        settings |= dict(depth=18, width=2, classes=4)
        settings["lambda"] = o["lambda_"]
        cases[name] = json.dumps(dict(model=settings, factor=factor))
        print(name, logits.abs().max().item(), total.item())
    save_file(tensors, f"{out}/networks.safetensors", metadata=cases)


if __name__ == "__main__":
    layers()
    networks()
