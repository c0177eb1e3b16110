"""The assumption register: what the paper leaves open, what was chosen here, where, and what other choices were seen to do.

`python -m mrg_r1_lib.reporting.documents.assumptions` writes the table in `results/assumptions.md`; with `--check` it only
says whether the table is what it would write. A choice is quoted from the source that it stands in, a difference from
`tables/ablations.csv` and `tables/main.csv` of the laptop study: no number is typed here.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrg_r1_lib.experiments import ARMS, SCALES
from mrg_r1_lib.reporting.documents.quoted import file_of, quoted
from mrg_r1_lib.reporting.documents.typeset import markdown
from mrg_r1_lib.reporting.tables import PRIMARY
from mrg_r1_lib.storage.files import write_text
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

SCALE = "laptop"
START, END = "<!-- generated: register -->", "<!-- end: register -->"
IN_TRIALS = "trials on the validation split: [log](README.md)"
OTHERS = "other choices: CE F1 micro-13 minus MCCS [95 %]"
DEFINITIONS = (
    "definitions"  # in the place of arms: the main comparison in every definition of the measure
)


@dataclass(frozen=True)
class Assumption:
    """One row: what is unknown, the `places` of the choice ("srl.config.temperature"), the choice in words where a value
    does not say it, the arms of the ablation that choose otherwise, and a note in place of arms."""

    unknown: str
    places: tuple[str, ...]
    words: str = ""
    arms: tuple[str, ...] = ()
    note: str = "not measured"


SHARED = "as the note of the paper says"
REGISTER = (
    Assumption(
        "margin of MCCS",
        ("experiments.Experiment.margin",),
        arms=("srl_cosine", "srl_margin_10", "srl_margin_50", "srl_margin_70"),
    ),
    Assumption(
        "cosine of a vector of norm zero",
        ("rewards.mccs.cosine",),
        "no reward where the reference asserts nothing, 0 where the report does",
    ),
    Assumption(
        "weights of MCCS and format",
        ("experiments.SRL.rewards",),
        SHARED,
        ("srl_mix_50", "srl_mix_100"),
    ),
    Assumption("rule of the format reward", ("rewards.report_tags.build",), "all or nothing"),
    Assumption(
        "group size", ("experiments.Experiment.group_size",), arms=("srl_group_4", "srl_group_16")
    ),
    Assumption(
        "KL weight",
        ("experiments.Experiment.beta",),
        arms=("srl_beta_0", "srl_beta_001", "srl_beta_01", "srl_beta_10"),
    ),
    Assumption(
        "division of advantages",
        ("experiments.Experiment.scale_rewards",),
        SHARED,
        ("srl_mccs_unscaled",),
    ),
    Assumption(
        "which studies SRL sees",
        ("experiments.Experiment.abnormal",),
        "share of abnormal ones",
        ("srl_all_studies",),
    ),
    Assumption(
        "whether SFT comes before SRL",
        ("experiments.SRL.start",),
        "yes",
        ("srl_no_sft", "srl_no_sft_mix_100"),
    ),
    Assumption(
        "learning rates",
        ("srl.config.rate", "srl.config.lr_scheduler_type", "sft.config.rate"),
        note=IN_TRIALS,
    ),
    Assumption("sampling in SRL", ("srl.config.temperature", "srl.config.top_p"), note=IN_TRIALS),
    Assumption("clipping and updates a group", ("srl.config.epsilon", "srl.config.num_iterations")),
    Assumption(
        "LoRA: rank, alpha",
        ("policies.lora.r", "policies.lora.lora_alpha", "experiments.Scale.lora"),
    ),
    Assumption(
        "LoRA: targets", ("base_models.LANGUAGE_MODEL",), "the language model's linear layers"
    ),
    Assumption(
        "epochs of SFT, steps of SRL",
        ("experiments.Scale.sft_epochs", "experiments.Scale.srl_steps"),
        note=IN_TRIALS,
    ),
    Assumption(
        "studies a step",
        ("experiments.Scale.sft_batch_size", "experiments.Scale.studies_per_step"),
        note=IN_TRIALS,
    ),
    Assumption("longest completion", ("experiments.Scale.max_completion_length",)),
    Assumption("image size", ("experiments.Scale.image_size", "base_models.LARGE")),
    Assumption("images a study", ("experiments.Preparation.views",)),
    Assumption("normalisation of reports", ("experiments.Preparation.text",)),
    Assumption("section that is written", ("prompts.load_split",), "FINDINGS"),
    Assumption("prompt", ("report_format.INSTRUCTION",)),
    Assumption(
        "text of the think part", ("prompts.think_text",), "the positive observations by name"
    ),
    Assumption(
        "splits",
        ("corpora.iu_xray.fixed_split",),
        "by report, in the order of the ids' SHA-256; R2Gen's where its file gives them",
    ),
    Assumption(
        "policy",
        ("experiments.Scale.policy",),
        "full: the paper's; laptop: a tiny one made here",
        note="full: not run",
    ),
    Assumption(
        "labeler",
        ("experiments.Experiment.labeler",),
        "the paper's is CheXbert, ours are rules",
        note="against the hand-made index: `tables/checks.csv`; readings side by side: `tables/agreement.csv`",
    ),
    Assumption(
        "averaging and classes of CE-F1",
        ("tables.PRIMARY",),
        "named before scoring; all are computed",
        (DEFINITIONS,),
    ),
)


def choice(place: str) -> str:
    """What the code gives to the name at `place`; of a setting of a scale its values at laptop and full."""
    if place.startswith("experiments.Scale."):
        name = place.rpartition(".")[2]
        return ", ".join(f"{scale} {getattr(SCALES[scale], name)}" for scale in (SCALE, "full"))
    return quoted(place)


def register(results: Path) -> str:
    """The register as a markdown table; FileNotFoundError where the laptop study has no tables."""
    folder = Path(results) / SCALE / "tables"
    ablations = pd.read_csv(folder / "ablations.csv").set_index("arm")
    rows = []
    for row in REGISTER:
        values = [f"`{value}`" for value in map(choice, row.places) if value]
        where = ", ".join(
            f"[`{p}`](../{file_of(p)[0].relative_to(REPOSITORY)})" for p in row.places
        )
        seen = [
            _by_definition(folder) if arm == DEFINITIONS else _difference(ablations.loc[arm])
            for arm in row.arms
        ]
        said = "; ".join([row.words] * bool(row.words) + values)
        rows.append(
            {
                "unknown": row.unknown,
                "choice": said,
                "where": where,
                OTHERS: "; ".join(seen) or row.note,
            }
        )
    return markdown(pd.DataFrame(rows), names=4)


def _difference(arm: pd.Series) -> str:
    name = arm["system"].removeprefix("SRL, ").removeprefix("MCCS, ")
    if not arm["pairs"]:
        return f"{name}: not run"
    return f"{name}: {arm['difference']:+.3f} [{arm['low']:+.3f}, {arm['high']:+.3f}], {_seeds(arm['pairs'])}"


def _seeds(count: float) -> str:
    return "one seed" if count == 1 else f"{count:.0f} seeds"


def _by_definition(folder: Path) -> str:
    """The main arm minus SFT in every definition of CE F1: how often it is above 0, and its ends."""
    main = pd.read_csv(folder / "main.csv", dtype={"classes": "Int64"})
    main = main[main["metric"] == "ce_f1"]
    one, other = (
        main[main["system"] == ARMS[arm].label].groupby(list(PRIMARY))["value"].mean()
        for arm in ("srl_mccs", "sft")
    )
    difference = (one - other).sort_values()
    ends = (
        f"{value:+.3f} ({average}-{classes}, uncertain {uncertain})"
        for (average, classes, uncertain), value in difference.iloc[[0, -1]].items()
    )
    return f"MCCS minus SFT: above 0 in {(difference > 0).sum()} of {len(difference)} definitions, {' to '.join(ends)}"


def render(text: str, results: Path) -> str:
    """`results/assumptions.md` with its table written anew; ValueError unless it has both markers once."""
    if text.count(START) != 1 or text.count(END) != 1:
        raise ValueError(f"assumptions.md: expected one {START} and below it one {END}.")
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{register(results)}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write the register anew; with --check change nothing and exit with 1 if it is stale."""
    parser = argparse.ArgumentParser(
        prog="python -m mrg_r1_lib.reporting.documents.assumptions", description=main.__doc__
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether the table is up to date"
    )
    named = parser.parse_args()
    path = results_root() / "assumptions.md"
    text = path.read_text(encoding="utf-8")
    rendered = render(text, results_root())
    if named.check and rendered != text:
        parser.exit(
            1,
            "results/assumptions.md is stale. Write it anew: python -m mrg_r1_lib.reporting.documents.assumptions\n",
        )
    if not named.check:
        write_text(path, rendered)
    sys.stdout.write("results/assumptions.md: its table is that of code and results.\n")


if __name__ == "__main__":
    main()
