"""The needs of a scale before training: parameters, GPU memory, disk. Nothing is downloaded.

Parameters are counted on torch's meta device, from the policy's published sizes. The GPU memory is
the scale's own `gpu_gib`, which was measured (`results/benchmarks/`), not modelled.
"""

import torch

from mrg_r1_lib.policies.parameters import count_parameters
from mrg_r1_lib.scales import load_scale


def plan_text(scale: str) -> str:
    """The needs of a scale as text, one line per item."""
    settings = load_scale(scale)
    counts = count_parameters(settings.policy, settings.image_size)
    total, vision = counts["all"] / 1e6, counts["vision"] / 1e6
    rows = {
        "policy": settings.policy,
        "parameters": f"{total:,.1f} million, {vision:,.1f} of vision",
        "trained": "adapters (LoRA)" if settings.lora else "all weights but the vision tower",
        "GPU memory": f"{settings.gpu_gib:.0f} GiB on each" if settings.gpu_gib else "none",
        "disk": f"{settings.disk_gib:.1f} GiB",
        "SRL": f"{settings.srl.steps} steps of {settings.srl.studies_per_step} studies",
    }
    lines = [f"  {name:<12}{value}" for name, value in rows.items()]
    return "\n".join([f"Scale {scale} needs:", *lines, ""])


def require_device(scale: str) -> None:
    """RuntimeError, before any work, if the scale needs a GPU and there is none with its memory."""
    settings = load_scale(scale)
    if not settings.gpu_gib:
        return
    needs = f"Scale {scale}: {settings.policy} needs {settings.gpu_gib:.0f} GiB on each GPU"
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"{needs}; no GPU is visible here. Use laptop, or run the same command on a machine "
            f"with such a GPU. The plan: ./run_all.sh {scale} --plan"
        )
    found = torch.cuda.get_device_properties(0).total_memory / 2**30
    if found < settings.gpu_gib:
        raise RuntimeError(
            f"{needs}; {torch.cuda.get_device_name(0)} has {found:.0f} GiB. Use workstation, "
            "which takes --policy NAME, too, or fewer studies per step (scales.py)."
        )
