"""The ladder of experiments, one change a line, and the three scales they run at.

An experiment is named "corpus/arm" ("iu_xray/srl_mccs"); its first half names a corpus in one preparation. An arm starts from
the policy that another arm trained, so that a comparison differs in one thing. What an optimiser needs stands in the stages,
beside its source; here stands what is run.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Preparation:
    """A corpus and how its studies are made ready. `images` "" leaves the choice to the scale."""

    corpus: str
    images: str = ""  # phantom or files
    views: int = 1  # images a study at most; paper value unknown
    text: str = "as_written"  # the normalisation of reports; paper value unknown


DEFAULT_CORPUS = "iu_xray"
PREPARATIONS = {
    "iu_xray": Preparation("iu_xray"),
    "iu_xray_files": Preparation(
        "iu_xray", images="files"
    ),  # the published images, in any of the three layouts
    "iu_xray_r2gen": Preparation(
        "iu_xray", images="files", views=2, text="r2gen"
    ),  # as R2Gen and its followers have it
    "mimic_cxr": Preparation("mimic_cxr", images="files"),
    "mimic_cxr_r2gen": Preparation("mimic_cxr", images="files", text="r2gen"),
}


@dataclass(frozen=True)
class Experiment:
    """One row of the results table. `start` names the arm whose policy it continues; `rewards` are weights by name."""

    stage: str  # baseline, pretrain, sft, srl or shuffled
    label: str  # as tables and figures print it
    start: str | None = None
    rewards: dict[str, float] = field(default_factory=dict)
    margin: float = 0.3  # paper value unknown
    beta: float = 0.04  # paper value unknown; DeepSeekMath's (arXiv:2402.03300)
    group_size: int = 8  # paper value unknown
    scale_rewards: str = (
        "group"  # advantages in units of their group's standard deviation, or "none": as they are
    )
    abnormal: float | None = (
        0.75  # share of abnormal studies among those that SRL sees; None: all studies as they come
    )
    labeler: str = "rules"
    generation: str = (
        "transformers"  # the engine that writes the groups of SRL, one of `srl.GENERATION`
    )


SRL = Experiment(
    "srl", "SRL, MCCS", start="sft", rewards={"mccs": 0.75, "report_tags": 0.25}
)  # weights: the paper's


def reward(name: str, **clinical: float) -> Experiment:
    """SRL with another reward in the place of MCCS, at its weight beside the format's."""
    return replace(SRL, label=f"SRL, {name}", rewards={**clinical, "report_tags": 0.25})


NET_BENEFIT = replace(
    reward("net benefit", net_benefit=0.75), scale_rewards="none", beta=0.001
)  # the trials: results/README.md


def with_twins(arms: dict[str, Experiment]) -> dict[str, Experiment]:
    """The arms, each trained on reports followed by its twin: the same policy, shown another study's images (does it look?)."""
    both = {}
    for arm, experiment in arms.items():
        both[arm] = experiment
        if experiment.stage in ("sft", "srl"):
            twin = Experiment(
                "shuffled",
                f"{experiment.label}, images shuffled",
                start=arm,
                labeler=experiment.labeler,
            )
            both[f"{arm}_shuffled"] = twin
    return both


ARMS = {
    "reference": Experiment(
        "baseline", "the reference itself"
    ),  # the labeler against itself: the ceiling
    "constant_normal": Experiment(
        "baseline", "constant normal report"
    ),  # what does "No Finding" alone earn?
    "best_single_report": Experiment(
        "baseline", "best single training report"
    ),  # and one report for everybody?
    "nearest_neighbour": Experiment(
        "baseline", "nearest training image's report"
    ),  # and looking without learning?
    "image_classifier": Experiment(
        "baseline", "image classifier + template sentences"
    ),  # looking without writing?
    "drawn_template": Experiment(
        "baseline", "template from the drawn observations"
    ),  # and reading the picture perfectly?
    "pretrained": Experiment("pretrain", "pretrained only"),
    "sft": Experiment("sft", "SFT", start="pretrained"),
    "sft_continued": Experiment(
        "sft", "SFT continued", start="sft"
    ),  # as much time as SRL, spent on likelihood
    "srl_mccs": SRL,  # the paper's reward
    "srl_label_f1": reward("label F1", label_f1=0.75),  # is the cosine needed?
    "srl_rouge_l": reward("ROUGE-L", rouge_l=0.75),  # or does wording do?
    # where the cosine gets its pay: from shared negatives, without a margin most of it
    "srl_cosine": replace(SRL, label="SRL, cosine without margin", margin=0.0),
    "srl_margin_10": replace(SRL, label="SRL, MCCS, margin 0.1", margin=0.1),
    "srl_margin_50": replace(SRL, label="SRL, MCCS, margin 0.5", margin=0.5),
    "srl_margin_70": replace(SRL, label="SRL, MCCS, margin 0.7", margin=0.7),
    "srl_positive_cosine": reward("cosine of the positives", positive_cosine=0.75),
    "srl_bleu": reward("BLEU-4", bleu=0.75),  # the other lexical reward
    # a price for each kind of error; advantages as they are leave the prices, and are smaller: so is the KL weight
    "srl_net_benefit": NET_BENEFIT,
    "srl_net_benefit_scaled": reward("net benefit, scaled by group", net_benefit=0.75),
    "srl_net_benefit_all_studies": replace(
        NET_BENEFIT, label="SRL, net benefit, all studies", abnormal=None
    ),
    "srl_mccs_unscaled": replace(
        SRL, label="SRL, MCCS, not scaled", scale_rewards="none", beta=0.001
    ),
    # the rest of the recipe, one change each
    "srl_all_studies": replace(
        SRL, label="SRL, MCCS, all studies", abnormal=None
    ),  # does it matter which studies teach?
    "srl_label_f1_all_studies": replace(
        reward("label F1, all studies", label_f1=0.75), abnormal=None
    ),
    "srl_beta_0": replace(SRL, label="SRL, MCCS, KL 0", beta=0.0),
    "srl_beta_001": replace(
        SRL, label="SRL, MCCS, KL 0.001", beta=0.001
    ),  # as where advantages are not scaled
    "srl_beta_01": replace(SRL, label="SRL, MCCS, KL 0.01", beta=0.01),
    "srl_beta_10": replace(SRL, label="SRL, MCCS, KL 0.1", beta=0.1),
    "srl_group_4": replace(SRL, label="SRL, MCCS, groups of 4", group_size=4),
    "srl_group_16": replace(SRL, label="SRL, MCCS, groups of 16", group_size=16),
    "srl_mix_50": replace(
        SRL, label="SRL, MCCS, mix 0.5", rewards={"mccs": 0.5, "report_tags": 0.5}
    ),
    "srl_mix_100": replace(SRL, label="SRL, MCCS, no format reward", rewards={"mccs": 1.0}),
    # the same arm on faster engines: what they write is not what the policy would, to the last bit
    "srl_mccs_vllm": replace(SRL, label="SRL, MCCS, vLLM", generation="vllm_colocate"),
    "srl_mccs_vllm_server": replace(SRL, label="SRL, MCCS, vLLM server", generation="vllm_server"),
    # and without SFT: the format is not yet a habit of real reports there
    "srl_no_sft": replace(SRL, label="SRL, MCCS, without SFT", start="pretrained"),
    "srl_no_sft_mix_100": replace(
        SRL, label="SRL, MCCS alone, without SFT", start="pretrained", rewards={"mccs": 1.0}
    ),
}
EXPERIMENTS = with_twins(ARMS)


@dataclass(frozen=True)
class Scale:
    """How large a study is. Counts are studies; `studies` caps each split (None: all); steps are optimiser steps."""

    policy: str
    images: str
    image_size: int  # pixels a side
    threads: dict[str, int]  # of torch, by stage; what is not named takes torch's own choice
    studies: dict[str, int | None]
    phantoms: int  # synthetic studies whose radiographs train the vision tower
    tower_epochs: int
    phantoms_named: int  # as many of them are named in words in pretraining
    phantom_reports: int  # and as many of them have their reports written in pretraining
    pretrain_epochs: int
    batch_size: int  # studies a step of pretraining
    sft_epochs: int
    sft_continued_epochs: int  # as long as SRL takes, by the clock
    sft_continued_rate: float  # learning rate of the control; results/README.md has the trials
    sft_batch_size: int
    sft_phantoms: int  # reports of pretraining among the real ones of SFT
    srl_steps: int
    srl_look: int  # steps between two looks at the validation split
    studies_per_step: int  # groups a step of SRL
    lora: bool
    disk_gib: float  # free room that a study asks for before it starts
    max_completion_length: int  # tokens; paper value unknown
    resamples: int  # of the bootstrap
    classifier_phantoms: int = 4000  # for notebook 01's visibility check
    arms: tuple[str, ...] = ("srl_mccs", "srl_label_f1", "srl_rouge_l")  # the main run first
    seeds: tuple[int, ...] = (0,)
    seconds: dict[str, float] = field(
        default_factory=dict
    )  # by notebook (and arm), for the first estimate only
    group_size: int | None = None  # overrides the experiment's


SCALES = {
    "smoke": Scale(
        policy="tiny_llava",
        images="phantom",
        image_size=96,
        threads={
            "pretrain": 2,
            "sft": 2,
            "srl": 1,
        },  # a second thread hardly speeds SRL up: two arms run side by side
        studies={"train": 240, "validate": 40, "test": 60},
        phantoms=640,
        tower_epochs=2,
        phantoms_named=320,
        phantom_reports=640,
        pretrain_epochs=1,
        batch_size=8,
        sft_epochs=4,
        sft_continued_epochs=1,
        sft_continued_rate=3e-4,
        sft_batch_size=8,
        sft_phantoms=80,
        srl_steps=10,
        srl_look=5,
        studies_per_step=4,
        lora=True,
        disk_gib=0.5,
        max_completion_length=72,
        resamples=500,
        group_size=4,
        seconds={"00": 6, "01": 65, "02": 85, "02 sft_continued": 25, "03": 32, "04": 6, "05": 6},
    ),
    "laptop": Scale(
        policy="tiny_llava",
        images="phantom",
        image_size=96,
        threads={
            "pretrain": 2,
            "sft": 1,
            "srl": 1,
        },  # SFT as in its trials; SRL: two arms side by side
        studies={"train": None, "validate": None, "test": None},
        phantoms=16000,
        tower_epochs=6,
        phantoms_named=12800,
        phantom_reports=16000,
        pretrain_epochs=1,
        batch_size=16,
        sft_epochs=8,
        sft_continued_epochs=2,
        sft_continued_rate=3e-4,
        sft_batch_size=8,
        sft_phantoms=1200,
        srl_steps=100,
        srl_look=25,
        studies_per_step=4,
        lora=False,
        disk_gib=1.0,
        max_completion_length=128,
        resamples=2000,
        seconds={
            "00": 6,
            "01": 100,
            "02": 2300,
            "02 sft_continued": 380,
            "03": 400,
            "04": 240,
            "05": 6,
        },
    ),
    "full": Scale(  # the paper's: a published policy, image files, GPUs; where no source gives a value, ours stands
        policy="huatuo_7b",
        images="files",
        image_size=512,
        threads={},
        studies={"train": None, "validate": 400, "test": None},
        phantoms=0,  # a published policy has seen images and text: nothing is pretrained
        tower_epochs=0,
        phantoms_named=0,
        phantom_reports=0,
        pretrain_epochs=0,
        batch_size=1,
        sft_epochs=3,  # paper value unknown
        sft_continued_epochs=2,
        sft_continued_rate=1e-4,
        sft_batch_size=16,  # paper value unknown
        sft_phantoms=0,
        srl_steps=300,  # paper value unknown
        srl_look=50,
        studies_per_step=8,  # paper value unknown
        lora=True,
        disk_gib=25.0,  # a copy of the model, 16 GiB; of all that is trained the adapters alone
        max_completion_length=512,
        resamples=2000,
    ),
}


def parse_experiment(name: str) -> tuple[str, str]:
    """Split a name such as iu_xray/srl_mccs into corpus and arm; ValueError lists the known ones."""
    corpus, _, arm = name.partition("/")
    if corpus not in PREPARATIONS or arm not in EXPERIMENTS:
        raise ValueError(
            f"Unknown experiment {name!r}. An experiment is named corpus/arm, such as iu_xray/srl_mccs; "
            f"known corpora: {', '.join(PREPARATIONS)}; known arms: {', '.join(EXPERIMENTS)}."
        )
    return corpus, arm


def baselines(corpus: str, scale: Scale) -> list[str]:
    """The arms that train no policy and make sense on a corpus: what was drawn is known of phantoms only."""
    drawn = (PREPARATIONS[corpus].images or scale.images) == "phantom"
    return [
        arm
        for arm, each in EXPERIMENTS.items()
        if each.stage == "baseline" and (drawn or arm != "drawn_template")
    ]


def load_scale(name: str) -> Scale:
    """The named scale; ValueError lists the known ones."""
    if name not in SCALES:
        raise ValueError(f"Unknown scale {name!r}; known scales: {', '.join(SCALES)}.")
    return SCALES[name]
