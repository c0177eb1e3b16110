"""Import this before transformers, which imports torchvision.

A torchvision that was built for CUDA then works beside the CPU build of torch. Its compiled
operators do not load there and are not needed, but its import fails: it registers a part of two of
them. So these two are declared here.
"""

import sys
from importlib.util import find_spec

import torch

if find_spec("torchvision"):
    try:
        import torchvision  # noqa: F401
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        DECLARED = torch.library.Library("torchvision", "DEF")  # as long as it lives
        for operator in ("nms", "qnms"):
            DECLARED.define(
                f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
