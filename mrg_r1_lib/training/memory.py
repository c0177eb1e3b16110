"""The needs of a scale before training: parameters, GPU memory, disk. Nothing is downloaded.

Parameters are counted on torch's meta device, from the policy's published sizes. The GPU memory is
the scale's own `gpu_gib`, which was measured with its own policy (`results/benchmarks/`).
"""

from dataclasses import replace

import torch

from mrg_r1_lib.policies.parameters import count_parameters
from mrg_r1_lib.scales import Scale, load_scale


def needs(scale: str) -> Scale:
    """The scale; with another policy than its own, memory and disk for at least that policy.

    A GPU holds its weights in two bytes each, nothing else, since that was not measured; the disk
    the download, a copy of it and adapters.
    """
    settings = load_scale(scale)
    if "+" not in scale:
        return settings
    weights = count_parameters(settings.policy, settings.image_size)["all"] / 2**29
    gpu = max(settings.gpu_gib, weights) if settings.gpu_gib else 0.0
    return replace(settings, gpu_gib=gpu, disk_gib=max(settings.disk_gib, 2.5 * weights))


def plan_text(scale: str) -> str:
    """The needs of a scale as text, one line per item."""
    settings = needs(scale)
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
    settings = needs(scale)
    if not settings.gpu_gib:
        return
    wanted = f"Scale {scale}: {settings.policy} needs {settings.gpu_gib:.0f} GiB on each GPU"
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"{wanted}; no GPU is visible here. Use laptop, or run the same command on a machine "
            f"with such a GPU. The plan: ./run_all.sh {scale} --plan"
        )
    found = torch.cuda.get_device_properties(0).total_memory / 2**30
    if found < settings.gpu_gib:
        raise RuntimeError(
            f"{wanted}; {torch.cuda.get_device_name(0)} has {found:.0f} GiB. Use workstation, a "
            "smaller policy (--policy NAME), or fewer studies per step (scales.py)."
        )
