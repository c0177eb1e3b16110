"""Seconds and peak memory on one GPU of policies of real size with random weights; nothing is downloaded.

`python tests/gpu_measurements.py measure --out OUT --group GROUP` measures the items of a group of `GROUPS` in their order.
Each item adds a line to OUT/measurements.jsonl at once, so a run that is stopped loses only the item that it was in.
`python tests/gpu_measurements.py table --out OUT` writes results/benchmarks/gpu_<device>.csv from these lines.
With `--rehearse` policies, images and steps are tiny: the same code in a minute on a CPU.

Peaks are what torch allocates. "planned" columns come from `plan.memory`; those of one phase are without its reserve.
"""

import argparse
import gc
import importlib.metadata
import json
import re
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path

import cpu_torchvision  # noqa: F401 (before transformers)
import pandas as pd
import torch
from gpu_stages import GROUP, measure_generation, measure_sft, measure_srl

from mrg_r1_lib.base_models import POLICIES
from mrg_r1_lib.benchmark import device_name, variant
from mrg_r1_lib.experiments import SCALES
from mrg_r1_lib.files import save_table
from mrg_r1_lib.paths import results_root
from mrg_r1_lib.plan import GIB, memory

TEXT = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
TEXT["vocab_size"] = 2100
ROPE = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
QWEN_VISION = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
CLIP = {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "image_size": 28, "patch_size": 14}
CLIP |= {"num_hidden_layers": 2, "num_attention_heads": 2}
TINY = {  # sizes of the rehearsal, by type of model
    "qwen2_5_vl": {"text_config": TEXT | {"rope_parameters": ROPE}, "vision_config": QWEN_VISION},
    "qwen3_vl": {
        "text_config": TEXT | {"head_dim": 16, "rope_parameters": ROPE | {"mrope_interleaved": True}},
        "vision_config": QWEN_VISION | {"deepstack_visual_indexes": [0]},
    },
    "llava": {"text_config": TEXT | {"model_type": "llama"}, "vision_config": CLIP},
}


@dataclass(frozen=True)
class Item:
    """One measurement of a policy; `changes` are to its line in `base_models`, `tower` is a trial of `gpu_stages`."""

    policy: str
    stage: str = "srl"  # srl, sft or generate
    changes: dict = field(default_factory=dict)
    studies: int = 8  # of one step, or of one batch that is generated
    generation: str = "measured"  # of SRL; or "replaced"
    tower: str = ""  # "frozen" or "frozen, windows"
    adapters: bool = True

    @property
    def described(self) -> dict:
        """What makes the item differ from all others."""
        base = replace(POLICIES[self.policy], **self.changes)
        return {
            "stage": self.stage,
            "policy": self.policy,
            "micro_batch": base.micro_batch,
            "activation_checkpointing": base.activation_checkpointing,
            "tower": self.tower,
            "generation": self.generation if self.stage == "srl" else "",
            "adapters": self.adapters,
            "studies": self.studies,
            "group": GROUP if self.stage == "srl" else 1,
        }


def small(item: Item) -> Item:
    """The item with few studies, for the rehearsal."""
    return replace(item, studies={"srl": 1, "sft": 4, "generate": 2}[item.stage])


def updates(policy: str, *changes: dict, tower: str = "") -> list[Item]:
    """The update of a step of 4 studies, once for each change."""
    return [Item(policy, changes=change, studies=4, generation="replaced", tower=tower) for change in changes]


KEEP = {"activation_checkpointing": False}
GROUPS = {
    "7b": [Item("qwen25_vl_7b")],
    "3b": [Item("qwen25_vl_3b")],
    "7b_changes": [
        *updates("qwen25_vl_7b", {}, {"micro_batch": 8}, {"micro_batch": 16}, KEEP),
        *updates("qwen25_vl_7b", {}, tower="frozen"),
        *updates("qwen25_vl_7b", {}, {"micro_batch": 16}, KEEP, tower="frozen, windows"),
    ],
    "7b_other_stages": [
        Item("qwen25_vl_7b", "sft", studies=16),
        Item("qwen25_vl_7b", "generate", studies=32),
        Item("qwen25_vl_7b", "generate", studies=32, adapters=False),
    ],
    "3b_changes": [
        *updates("qwen25_vl_3b", {}, {"micro_batch": 8}, {"micro_batch": 16}, KEEP),
        *updates("qwen25_vl_3b", {"micro_batch": 16}, tower="frozen, windows"),
    ],
    "tiny": [Item("tiny_llava", studies=4)],
    "7b_best": [Item("qwen25_vl_7b", changes={"micro_batch": 16}, tower="frozen, windows")],
    "others": [*updates("qwen3_vl_4b", {}), *updates("llava_15_7b", {})],
}


def planned(item: Item, policy: str) -> dict[str, float]:
    """What `plan.memory` expects of SRL, in GiB; nothing for the other stages, which it does not plan."""
    if item.stage != "srl":
        return {}
    base = SCALES["full" if POLICIES[policy].hub else "laptop"]
    SCALES["measured"] = replace(base, policy=policy, studies_per_step=item.studies, images="phantom")
    gib = memory("measured")
    stays = gib["weights"] + gib["reference"] + gib["trained"]
    return {
        "planned_gib": gib["needed"],
        "planned_update_gib": stays + gib["activations"] + gib["head"],
        "planned_generation_gib": stays + gib["cache"] + gib["prefill"],
    }


def measured(item: Item, policy: str, length: int, steps: int, folder: Path) -> dict:
    """Seconds and peaks of one item."""
    if item.stage == "sft":
        return measure_sft(policy, item.studies, item.tower, steps, folder)
    if item.stage == "generate":
        return measure_generation(policy, item.studies, item.adapters, length, folder)
    return measure_srl(policy, item.studies, item.tower, item.generation == "replaced", length, steps, folder)


def measure(item: Item, rehearse: bool) -> dict:
    """The item's line: settings, seconds, peaks, the plan, versions. A policy that does not fit has a line, too."""
    started, policy = time.perf_counter(), variant(item.policy, **item.changes)
    length = SCALES["full" if POLICIES[policy].hub else "laptop"].max_completion_length
    length, steps = (8, 2) if rehearse else (length, 4 if item.generation == "measured" else 3)
    row = item.described | planned(item, policy)
    row |= {"tokens": length} if item.stage != "sft" else {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            row |= measured(item, policy, length, steps, Path(folder))
    except torch.OutOfMemoryError as error:
        row["failed"] = str(error).partition(". ")[0]
    peaks = [row[name] for name in ("peak_update_gib", "peak_generation_gib") if name in row]
    row |= {"peak_gib": max(peaks)} if peaks else {}
    if torch.cuda.is_available():
        free, whole = torch.cuda.mem_get_info()
        row |= {"held_gib": (whole - free) / GIB, "card_gib": whole / GIB}  # held: with torch's cache and the CUDA context
    versions = {name: importlib.metadata.version(name) for name in ("transformers", "trl", "peft", "accelerate")}
    versions["torch"] = torch.__version__  # with its CUDA
    return row | {"seconds_item": time.perf_counter() - started, "device": device_name()} | versions


def measure_group(name: str, out: Path, rehearse: bool) -> int:
    """Measure the items of a group; returns how many failed. Finished ones are left out."""
    path, failed = out / "measurements.jsonl", 0
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for item in map(small, GROUPS[name]) if rehearse else GROUPS[name]:
        if any(item.described.items() <= row.items() and row["device"] == device_name() for row in done):
            continue
        try:
            row = measure(item, rehearse)
        except Exception:  # shown and counted; the other items are measured all the same
            sys.stdout.write(f"{item}\n{traceback.format_exc()}")
            failed += 1
        else:
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            sys.stdout.write(f"{told(row)}\n")
        sys.stdout.flush()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return failed


def told(row: dict) -> str:
    """A line in short."""
    numbers = [f"{key} {value:.2f}" for key, value in row.items() if key.startswith(("seconds", "peak", "planned"))]
    return ", ".join([*(f"{key} {row[key]}" for key in Item(row["policy"]).described), row.get("failed", ""), *numbers])


FIRST = (
    "stage policy micro_batch activation_checkpointing tower generation adapters studies group tokens completions steps "
    "seconds_step seconds_generation seconds_update seconds_reference seconds_tower seconds_reward seconds_other "
    "peak_gib peak_generation_gib peak_update_gib planned_gib planned_generation_gib planned_update_gib"
)


def save(out: Path, results: Path) -> None:
    """The lines as one table, named by the device of the first."""
    table = pd.DataFrame([json.loads(line) for line in (out / "measurements.jsonl").read_text().splitlines()])
    table["adapters"] = table["adapters"].where(table["stage"] == "generate")  # elsewhere the scale says it
    table = table[[*FIRST.split(), *[name for name in table if name not in FIRST.split()]]]
    name = re.sub(r"[^a-z0-9]+", "-", table["device"][0].lower()).strip("-")
    save_table(table, results / "benchmarks" / f"gpu_{name}.csv")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["measure", "table"])
    parser.add_argument("--group", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=results_root())
    parser.add_argument("--rehearse", action="store_true")
    named = parser.parse_args()
    named.out.mkdir(parents=True, exist_ok=True)
    if named.command == "table":
        return save(named.out, named.results)
    if named.rehearse:
        for name, base in POLICIES.items():
            if base.hub:
                POLICIES[name] = replace(base, sizes=TINY[base.model_type], pixels=base.pixels and (56**2, 112**2))
    sys.exit(min(sum(measure_group(name, named.out, named.rehearse) for name in named.group), 1))


if __name__ == "__main__":
    main()
