"""The model card of a scale's main policy (SRL with the paper's reward), written from its manifests and saved tables.

`python -m mrg_r1_lib.reporting.documents.model_card` writes `results/<scale>/model_card.md` or says,
with `--check`, whether it is current.
Every number comes from a manifest or a table; the words around them stand in `card_text.py`.
"""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

from mrg_r1_lib.experiments import ARMS, DEFAULT_CORPUS, SCALES, load_scale
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.reporting.documents import summaries
from mrg_r1_lib.reporting.documents.card_text import CARD, DATA, LIMITS
from mrg_r1_lib.reporting.documents.printed import read_table
from mrg_r1_lib.reporting.documents.typeset import markdown
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import write_text
from mrg_r1_lib.storage.paths import results_root

AGAIN = "python -m mrg_r1_lib.reporting.documents.model_card"
BESIDE = (
    "reference",
    "constant_normal",
    "drawn_template",
    "pretrained",
    "sft",
    "sft_continued",
)  # systems in the card's table
COLUMNS = (
    "system",
    "CE F1 micro-13 [95 %]",
    "precision",
    "recall",
    "F1 macro-13",
    "F1 example-14",
    "BLEU-4",
    "format rate",
)
LOW_BAR = 0.3  # F1; observations below it are named


def model_card(results: Path, scale: str, corpus: str = DEFAULT_CORPUS) -> str:
    """The card of the scale's first arm as markdown; FileNotFoundError names what the study has not written yet."""
    arm = load_scale(scale).arms[0]
    run = Run(f"{corpus}/{arm}", scale, 0, results)
    manifest = _manifest(run)
    tables = run.summary / "tables"
    main = read_table(tables, "main")
    images = manifest["preparation"]["images"] or manifest["scale"]["images"]
    by_observation = _by_observation(read_table(tables, "observations"), ARMS[arm].label)
    up = Path(os.path.relpath(run.results, run.summary)).as_posix()
    weak = by_observation.index[by_observation["f1"] < LOW_BAR].get_level_values("observation")
    return CARD.format(
        again=AGAIN,
        label=ARMS[arm].label,
        scale=scale,
        corpus=corpus,
        weights=f"`./run_all.sh {scale}{'' if corpus == DEFAULT_CORPUS else f' --corpus {corpus}'}` trains them.",
        details=_details(
            run,
            manifest,
            sorted(main.loc[main["system"] == ARMS[arm].label, "seed"].unique()),
        ),
        data=DATA[images],
        studies=_studies(read_table(tables, "prevalence"), manifest),
        chain=_chain(run),
        procedure=_procedure(manifest),
        labeler=manifest["experiment"]["labeler"],
        scores=_scores(main, scale, arm),
        planned=markdown(summaries.planned(read_table(tables, "planned"))),
        observations=markdown(by_observation.map(summaries.digits).reset_index()),
        limits=LIMITS[images].format(up=up),
        low_bar=LOW_BAR,
        weak=", ".join(weak) or "none",
        up=up,
    )


def _manifest(run: Run) -> dict:
    manifest = run.read_manifest()
    if not manifest:
        raise FileNotFoundError(
            f"{run.folder}: no manifest. The study writes it: ./run_all.sh {run.scale}"
        )
    return manifest


def _details(run: Run, manifest: dict, seeds: list[int]) -> str:
    trained, scale = manifest["srl"], manifest["scale"]
    base, adapters = POLICIES[scale["policy"]], " as adapters" if scale["lora"] else ""
    origin = (
        f"published as {base.hub}, {base.licence}"
        if base.hub
        else "LLaVA's architecture, made here from random weights"
    )
    versions = ", ".join(
        f"{name} {trained['versions'][name]}"
        for name in ("python", "torch", "transformers", "trl", "peft")
    )
    return "\n".join(
        [
            f"- Policy `{scale['policy']}`: {origin}; {trained['parameters']:,} parameters, of which SRL trains "
            f"{trained['trained_parameters']:,}{adapters}; the vision tower stays as it was.",
            f"- In: a chest radiograph, {scale['image_size']} pixels a side. Out: `<think>` with the positive observations and "
            f"`<report>` with the findings, in English, at most {scale['max_completion_length']} tokens.",
            f"- Seeds {', '.join(map(str, seeds))}. Code: commit {trained['commit']}, {versions}.",
            "- The method is that of MRG-R1 (arXiv:2512.16145), by an abstract and a second-hand note; this is not its policy. "
            "Code licence: Apache-2.0.",
        ]
    )


def _studies(prevalence: pd.DataFrame, manifest: dict) -> str:
    counts = prevalence.groupby("split", sort=False)["studies"].first()
    scale = manifest["scale"]
    lines = [f"- Studies: {', '.join(f'{split} {count:,}' for split, count in counts.items())}."]
    if scale["phantoms"]:
        lines.append(
            f"- Made-up studies: {scale['phantoms']:,} for the vision tower, {scale['phantom_reports']:,} for pretraining, "
            f"{scale['sft_phantoms']:,} of them among those of SFT."
        )
    return "\n".join(lines)


def _chain(run: Run) -> str:
    """One line a stage, from the first policy to this one: steps, minutes, devices."""
    stages, lines = [], []
    while run is not None:
        stages.insert(0, run)
        run = run.start
    for number, stage in enumerate(stages, start=1):
        done = _manifest(stage).get(f"{stage.recipe.stage}", {})
        took = (
            f"{done['steps']:,} steps, {done['seconds'] / 60:.0f} minutes"
            if "steps" in done
            else "adopted as published"
        )
        machine = (
            "{cores} cores, {machine}".format(**done["hardware"]) if "hardware" in done else ""
        )
        lines.append(
            f"{number}. {stage.recipe.label}: {took}{f' ({machine})' if machine else ''}, seed {stage.seed}."
        )
    return "\n".join(lines)


def _procedure(manifest: dict) -> str:
    experiment, scale = manifest["experiment"], manifest["scale"]
    rewards = " + ".join(f"{weight:g} {name}" for name, weight in experiment["rewards"].items())
    share = (
        "all studies as they come"
        if experiment["abnormal"] is None
        else f"{experiment['abnormal']:g} of them abnormal"
    )
    rows = {
        "algorithm": "GRPO (TRL), advantages scaled by: " + experiment["scale_rewards"],
        "reward": f"{rewards}; margin {experiment['margin']:g}",
        "completions a study": scale["group_size"] or experiment["group_size"],
        "studies a step": f"{scale['studies_per_step']}, {share}",
        "steps": f"{scale['srl_steps']}; the best look at the validation split is kept, a look every {scale['srl_look']}",
        "KL weight": f"{experiment['beta']:g}",
    }
    return "\n".join(
        [
            "| setting | value |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
        ]
    )


def _scores(main: pd.DataFrame, scale: str, arm: str) -> str:
    """The systems beside the policy, then it and its twin."""
    table = summaries.main(main, scale)
    labels = [ARMS[name].label for name in (*BESIDE, arm, f"{arm}_shuffled")]
    return markdown(table[table["system"].isin(labels)][list(COLUMNS)])


def _by_observation(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """Precision, recall and F1 of each observation, means over seeds, by (observation, support)."""
    own = table[table["system"] == label]
    return own.groupby(["observation", "support"], sort=False)[["precision", "recall", "f1"]].mean()


def main() -> None:
    """Write the card; with --check change nothing and exit with 1 if it is stale."""
    parser = argparse.ArgumentParser(prog=AGAIN, description=main.__doc__)
    parser.add_argument("--scale", default="laptop", choices=SCALES)
    parser.add_argument("--corpus", default=DEFAULT_CORPUS)
    parser.add_argument(
        "--check", action="store_true", help="only say whether the card is up to date"
    )
    named = parser.parse_args()
    path = Run(f"{named.corpus}/sft", named.scale, 0, results_root()).summary / "model_card.md"
    try:
        card = model_card(results_root(), named.scale, named.corpus)
    except (ValueError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    if named.check and (not path.exists() or path.read_text(encoding="utf-8") != card):
        parser.exit(1, f"{path.name} is stale. Write it anew: {AGAIN}\n")
    if not named.check:
        write_text(path, card)
    sys.stdout.write(f"{path.name} of {named.scale}: what manifests and tables say.\n")


if __name__ == "__main__":
    main()
