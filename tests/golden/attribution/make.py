"""Attributions of narrow golden networks by captum, in float64: make.py, run in this folder.

Needs torch, captum, numpy and safetensors. Parameters are those of ../net_*_narrow.safetensors.
"""
import json

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients, LayerGradCam, Saliency
from safetensors import safe_open
from safetensors.numpy import save_file

STEPS = 16
CLASSES = [3, 8]


class Net(torch.nn.Module):
    """An SDNet of depth 18 with the stem for small images, in evaluation mode."""

    def __init__(self, name):
        super().__init__()
        with safe_open(f"../{name}.safetensors", "pt") as file:
            self.about = file.metadata()
            self.p = {k.split(".", 1)[1]: file.get_tensor(k).double() for k in file.keys() if k[:3] in ("par", "bn.")}
        self.steps = json.loads(self.about["step"])
        self.iterations, self.threshold = int(self.about["iterations"]), float(self.about["lambda_"])
        # Where captum looks.
        self.layer3, self.layer4 = torch.nn.Identity(), torch.nn.Identity()

    def norm(self, x, name):
        of = [self.p[f"{name}.{what}"] for what in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *of, training=False, eps=1e-5)

    def site(self, x, name, stride):
        """A convolution, or a few iterations of FISTA."""
        if f"{name}.weight" in self.p:
            return F.conv2d(x, self.p[f"{name}.weight"], stride=stride, padding=1)
        w, step, extra = self.p[f"{name}.dn.weight"], self.steps[f"{name}.dn"], (x.shape[-1] - 1) % stride
        t, codes, point = 1.0, None, None
        for _ in range(self.iterations):
            left = x if point is None else x - F.conv_transpose2d(point, w, stride=stride, padding=1, output_padding=extra)
            moved = step * F.conv2d(left, w, stride=stride, padding=1) + (0 if point is None else point)
            new = F.relu(moved - step * self.threshold)
            t_new = (1 + (1 + 4 * t * t) ** 0.5) / 2
            point = new + (t - 1) / t_new * (new - (0 if codes is None else codes))
            codes, t = new, t_new
        return codes

    def forward(self, x):
        x = self.norm(self.site(x, "layer0.0", 1), "layer0.1")
        dense = "layer1.0.conv1.weight" in self.p
        for stage in range(1, 5):
            for block in range(2):
                name = f"layer{stage}.{'' if dense else 'layers.'}{block}"
                stride = 2 if stage > 1 and block == 0 else 1
                h = self.norm(self.site(x, f"{name}.conv1", stride), f"{name}.bn1")
                h = self.norm(self.site(F.relu(h) if dense else h, f"{name}.conv2", 1), f"{name}.bn2")
                if f"{name}.shortcut.0.weight" in self.p:
                    x = self.norm(F.conv2d(x, self.p[f"{name}.shortcut.0.weight"], stride=stride), f"{name}.shortcut.1")
                x = F.relu(h + x)
            if stage >= 3:
                x = getattr(self, f"layer{stage}")(x)
        return F.linear(x.mean((2, 3)), self.p["linear.weight"], self.p["linear.bias"])


def main():
    kept = {}
    for name in ("net_sdnet18_narrow", "net_sdnet18_all_narrow"):
        net = Net(name)
        channels, size = int(net.about["in_channels"]), int(net.about["size"])
        x = torch.from_numpy(np.random.default_rng(7).uniform(-1, 1, (2, channels, size, size)))
        x, target = x.float().double(), torch.tensor(CLASSES)
        kept[f"{name}.images"] = x
        kept[f"{name}.scores"] = net(x).detach()
        kept[f"{name}.input_gradient"] = Saliency(net).attribute(x, target=target, abs=False)
        kept[f"{name}.integrated_gradients"] = IntegratedGradients(net).attribute(
            x, target=target, n_steps=STEPS, method="riemann_middle")
        for stage in ("layer3", "layer4"):
            cam = LayerGradCam(net, getattr(net, stage)).attribute(x, target=target, relu_attributions=True)
            kept[f"{name}.grad_cam.{stage}"] = cam.detach()
    arrays = {k: v.detach().numpy().astype(np.float32) for k, v in kept.items()}
    save_file(arrays, "attribution.safetensors", metadata={"steps": str(STEPS), "classes": json.dumps(CLASSES)})


main()
