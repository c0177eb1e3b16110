"""The scales at which an arm runs: how large a study is, stage by stage.

A scale nests its settings by stage: a stage reads its own part, so a longer SRL never trains SFT
again. The arms are in `experiments.py`.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Pretrain:
    """Pretraining on drawn studies; there are none where a published policy is adopted as it is."""

    phantoms: int = 0  # drawn studies, whose radiographs the tower and the classifier learn from
    own: int = 1  # so many times they learn from a training study: drawn anew, or its file
    tower_epochs: int = 0
    terse: int = 0  # of these, so many of which the policy first says what is there and no more
    reports: int = 0  # and so many whose whole reports it learns to write
    epochs: int = 1  # over these reports
    batch_size: int = 1  # studies per step
    learning_rate: float = 1e-3  # a new model of 3 million parameters
    threads: int = 0  # of torch; 0: torch's own choice


@dataclass(frozen=True)
class Finetune:
    """Supervised finetuning: SFT itself, or its continuation, the control of SRL."""

    epochs: int  # at most: validation chooses the checkpoint; paper value unknown
    evaluations: int  # on the validation split, evenly spaced
    batch_size: int  # studies per step; paper value unknown
    learning_rate: float  # paper value unknown; results/LOG.md has the trials
    phantoms: int = 0  # drawn studies among the real ones, in each epoch
    threads: int = 0


@dataclass(frozen=True)
class Reinforce:
    """Semantic-driven reinforcement learning."""

    steps: int  # optimiser steps at most; paper value unknown
    evaluations: int  # on the validation split, evenly spaced
    studies_per_step: int  # groups per step; paper value unknown
    learning_rate: float  # paper value unknown; results/LOG.md has the trials
    group_size: int | None = None  # overrides the arm's
    threads: int = 0


@dataclass(frozen=True)
class Scale:
    """How large a study is. `studies` caps each split (None, or not named: all)."""

    policy: str
    studies: dict[str, int | None]
    pretrain: Pretrain
    sft: Finetune
    sft_continued: Finetune
    srl: Reinforce
    corpus: str = "iu_xray"  # in one of PREPARATIONS, unless a command names another
    images: str = "phantom"  # or files, where the corpus leaves the choice
    image_size: int = 96  # pixels per side
    lora: bool = False
    max_completion_length: int = 128  # tokens; paper value unknown
    judge: str = "rules"  # the labeler that scores all rows of a table
    resamples: int = 20000  # of the bootstrap
    arms: tuple[str, ...] = ("srl_mccs", "srl_label_f1", "srl_rouge_l")  # the main run first
    seeds: tuple[int, ...] = (0,)
    final: bool = False  # whether the study always ends with the test split
    disk_gib: float = 1.0  # free room that a study asks for before it starts
    gpu_gib: float = 0.0  # memory of each GPU that it asks for; 0: none is needed


# all that IU X-Ray has; MIMIC-CXR has some 78,000, and `final` writes each of them with each policy
CONFIRMING = {"impressions": 502}

SCALES = {
    "smoke": Scale(
        policy="tiny_llava",
        studies={"train": 240, "validate": 32, "test": 40, "impressions": 24},
        lora=True,
        max_completion_length=72,
        pretrain=Pretrain(
            640, own=2, tower_epochs=2, terse=320, reports=480, batch_size=8, threads=2
        ),
        sft=Finetune(3, evaluations=3, batch_size=8, learning_rate=2e-3, phantoms=80, threads=2),
        sft_continued=Finetune(
            1, evaluations=2, batch_size=8, learning_rate=3e-4, phantoms=80, threads=2
        ),
        srl=Reinforce(
            10, evaluations=2, studies_per_step=4, learning_rate=5e-4, group_size=4, threads=1
        ),
        resamples=500,
        final=True,  # CI walks the whole way; these policies are too small to learn from the score
        disk_gib=0.5,
    ),
    # for a class. A good eye and a short SFT: what the tower sees is not yet in the reports, so SRL
    # has work, and a class sees its curve rise. The scale is chosen for that: the control
    # raises it as well (results/LOG.md)
    "lesson": Scale(
        policy="tiny_llava",
        corpus="lesson",
        studies={"train": None, "validate": None, "test": None},
        max_completion_length=64,
        pretrain=Pretrain(
            4000, own=2, tower_epochs=3, terse=3000, reports=1500, batch_size=16, threads=2
        ),
        sft=Finetune(1, evaluations=1, batch_size=16, learning_rate=5e-4, threads=2),
        sft_continued=Finetune(2, evaluations=4, batch_size=16, learning_rate=3e-4, threads=2),
        srl=Reinforce(40, evaluations=4, studies_per_step=8, learning_rate=3e-4, threads=1),
        resamples=2000,
        arms=("srl_mccs", "srl_rouge_l"),  # a clinical reward and a lexical one
    ),
    "laptop": Scale(
        policy="tiny_llava",
        studies={"train": None, "validate": None, "test": None},
        pretrain=Pretrain(
            16000, own=6, tower_epochs=8, terse=16000, reports=16000, batch_size=16, threads=2
        ),
        sft=Finetune(8, evaluations=8, batch_size=8, learning_rate=1e-3, phantoms=480, threads=2),
        sft_continued=Finetune(  # as long as SRL by the clock, and evaluated as often
            2, evaluations=4, batch_size=8, learning_rate=3e-4, phantoms=480, threads=1
        ),
        srl=Reinforce(100, evaluations=4, studies_per_step=4, learning_rate=2e-4, threads=1),
    ),
    # real images without a GPU; never run. The published tower is not trained
    "laptop_files": Scale(
        policy="tiny_llava_rad_dino",
        images="files",
        image_size=224,
        studies={"train": None, "validate": 200, "test": None, **CONFIRMING},
        pretrain=Pretrain(2000, terse=500, reports=2000, batch_size=16),
        sft=Finetune(4, evaluations=4, batch_size=8, learning_rate=1e-3),
        sft_continued=Finetune(1, evaluations=2, batch_size=8, learning_rate=3e-4),
        srl=Reinforce(60, evaluations=3, studies_per_step=4, learning_rate=2e-4),
        disk_gib=10.0,  # each checkpoint holds the tower, 0.35 GiB
    ),
    "workstation": Scale(  # one GPU; ours: never run at this scale
        policy="smolvlm_500m",
        images="files",
        image_size=512,
        studies={"train": None, "validate": 200, "test": None, **CONFIRMING},
        lora=True,
        max_completion_length=256,
        pretrain=Pretrain(),
        sft=Finetune(3, evaluations=3, batch_size=16, learning_rate=2e-4),
        sft_continued=Finetune(1, evaluations=4, batch_size=16, learning_rate=2e-4),
        srl=Reinforce(200, evaluations=4, studies_per_step=4, learning_rate=5e-5),
        disk_gib=5.0,  # a copy of the model is 1 GiB
        # a step of 32 completions of 256 tokens held 3.3 GiB of one H100, with random weights
        # (results/benchmarks/gpu_nvidia-h100-80gb-hbm3.csv)
        gpu_gib=4.0,
    ),
    "full": Scale(  # the paper's scale; where no source gives a value, ours stands
        policy="huatuo_7b",
        images="files",
        image_size=512,
        studies={"train": None, "validate": 400, "test": None, **CONFIRMING},
        lora=True,
        max_completion_length=512,
        pretrain=Pretrain(),  # a published policy has seen images and text
        sft=Finetune(3, evaluations=3, batch_size=16, learning_rate=1e-4),
        sft_continued=Finetune(2, evaluations=6, batch_size=16, learning_rate=1e-4),
        srl=Reinforce(300, evaluations=6, studies_per_step=8, learning_rate=2e-5),
        disk_gib=40.0,  # the download and a copy, 16 GiB each; of what is trained, adapters
        # 27.7 GiB were held on one H200 by a step of 64 completions with the sizes of huatuo_7b
        # (results/benchmarks/gpu_nvidia-h200.csv)
        gpu_gib=28.0,
    ),
}


def load_scale(name: str) -> Scale:
    """The named scale, with another policy where one is named: full+qwen3_vl_4b.

    ValueError lists the known scales. Whether there is such a policy, its registry knows.
    """
    scale, plus, policy = name.partition("+")
    if scale not in SCALES:
        raise ValueError(f"Unknown scale {scale!r}; known scales: {', '.join(SCALES)}.")
    return replace(SCALES[scale], policy=policy) if plus else SCALES[scale]


def scale_with(scale: str, policy: str | None) -> str:
    """The name of a scale with another policy, under which its results lie: full+qwen3_vl_4b."""
    return scale if policy in (None, load_scale(scale).policy) else f"{scale}+{policy}"
