"""The generated numbers of the documents: saved tables, manifests and settings -> Markdown.

A document calls these functions in cog blocks (`<!-- [[[cog cog.outl(pages.status()) ]]] -->`).
`python -m mrg_r1_lib.reporting.pages` writes every block again. With `--check` it changes nothing
and exits with an error where a document is not current. Nothing is computed here.
"""

import argparse
import sys
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from cogapp import Cog

from mrg_r1_lib.experiments import ARMS, DEFAULT_CORPUS, load_scale
from mrg_r1_lib.metrics.clinical_efficacy import CE_DEFINITIONS, PRIMARY
from mrg_r1_lib.reporting import build
from mrg_r1_lib.reporting.tables import labelled, main_study, summary
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

STUDY = Run(f"{DEFAULT_CORPUS}/srl_mccs", "laptop", 0, results_root())
NONE = "–"
F1 = "CE F1 micro-13 [95 %]"
COLUMNS = {  # of tables.summary -> as they are printed; the first gets its interval
    "F1 micro-13": F1,
    "precision micro-13": "precision",
    "recall micro-13": "recall",
    "F1 macro-13": "F1 macro-13",
    "F1 example-14": "F1 example-14",
    "F1 micro-14": "F1 micro-14",
    "F1 micro-5": "F1 micro-5",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "format_rate": "format rate",
}
CARD = ("reference", "constant_normal", "drawn_template", "pretrained", "sft", "sft_continued")
CARD += ("srl_mccs", "srl_mccs_shuffled")  # the rows of the model card


def markdown(table: pd.DataFrame, names: int = 1) -> str:
    """A frame as a Markdown table; its first `names` columns are aligned to the left.

    >>> print(markdown(pd.DataFrame({"system": ["SFT"], "F1": ["0.534"]})))
    | system | F1 |
    |---|---:|
    | SFT | 0.534 |
    """
    rows = [[str(cell).replace("|", r"\|") for cell in row] for row in table.to_numpy()]
    head, *body = (f"| {' | '.join(row)} |" for row in [list(table.columns), *rows])
    rule = "|" + "---|" * names + "---:|" * (table.shape[1] - names)
    return "\n".join([head, rule, *body])


def digits(value: float, sign: str = "") -> str:
    """Three digits behind the point, with `sign` "+" signed; a dash for NaN.

    >>> digits(0.5), digits(0.0306, "+"), digits(float("nan"))
    ('0.500', '+0.031', '–')
    """
    return NONE if pd.isna(value) else f"{value:{sign}.3f}"


def ends(low: float, high: float, sign: str = "") -> str:
    """An interval; a dash for NaN.

    >>> ends(0.4, 0.6), ends(float("nan"), 1.0)
    ('[0.400, 0.600]', '–')
    """
    return NONE if pd.isna(low) else f"[{digits(low, sign)}, {digits(high, sign)}]"


def status(run: Run = STUDY) -> str:
    """Scale, split, seeds and kind of interval in two sentences."""
    scores = main_study(build.read("scores", run), run.scale)
    own = scores[scores["kind"] != "images shuffled"]
    counts = [
        f"{seeds} {'seed' if seeds == 1 else 'seeds'} of {'; '.join(labelled(rows)['arm'])}"
        for seeds, rows in own.groupby("seeds")
    ]
    return (
        f"Scale `{run.scale}`, {scores['split'].iloc[0]} split: {'. '.join(counts)}. "
        f"Brackets: 95 % interval over studies and seeds, {run.settings.resamples:,} resamples."
    )


def main_table(arms: Collection[str] = (), run: Run = STUDY) -> str:
    """The systems of the default study, one row each; `arms` chooses some."""
    scores = main_study(build.read("scores", run), run.scale).set_index("arm")
    main = main_study(build.read("main", run), run.scale)
    shown = summary(main, scores.reset_index()).rename(columns=COLUMNS)[[*COLUMNS.values()]]
    shown = shown.map(digits)
    shown[F1] += [f" {ends(row.low, row.high)}" for row in scores.loc[shown.index].itertuples()]
    shown = shown.loc[[arm for arm in shown.index if arm in arms or not arms]]
    return markdown(labelled(shown.rename_axis("arm").reset_index()))


def planned(family: str, run: Run = STUDY) -> str:
    """The planned comparisons of a family. Seeds that suggested one have a row of their own."""
    table = labelled(build.read("comparisons", run).query("family == @family"))
    rows = []
    for key, parts in table.groupby(["arm", "against", "confirming"], sort=False):
        by = parts.set_index("measure")
        f1 = by.loc["f1"]
        rows.append(
            {
                "difference": " − ".join(key[:2]),
                "seeds": f"{f1['seeds']}"
                if key[2]
                else f"{f1['seeds']}, with the one that suggested it",
                F1: f"{digits(f1['difference'], '+')} {ends(f1['low'], f1['high'], '+')}",
                "corrected [95 %]": ends(f1["corrected_low"], f1["corrected_high"], "+"),
                "p (Holm)": digits(f1["p_holm"]),
                "t over seeds [95 %]": ends(f1["t_low"], f1["t_high"], "+"),
                **{
                    name: digits(by.loc[name, "difference"], "+")
                    for name in ("precision", "recall")
                },
            }
        )
    return markdown(pd.DataFrame(rows), names=2)


def definitions(run: Run = STUDY) -> str:
    """F1 of each system in every definition of CE, with the published code that computes it."""
    main = main_study(build.read("main", run), run.scale).query("metric == 'ce_f1'")
    main = main[[ARMS[arm].stage != "shuffled" for arm in main["arm"]]]
    wide = labelled(main).pivot_table(
        index=list(PRIMARY), columns="arm", values="value", sort=False, observed=True
    )
    users = [
        ", ".join(name for name, each in CE_DEFINITIONS.items() if tuple(each.values()) == key)
        for key in wide.index
    ]
    frame = wide.map(digits).reset_index()
    frame.insert(len(PRIMARY), "used by", [each or NONE for each in users])
    return markdown(frame, names=len(PRIMARY) + 1)


def observations(run: Run = STUDY) -> str:
    """F1 of each observation with SFT and with SRL, and the difference."""
    table = labelled(build.read("observation_intervals", run))
    signs = table["against"].notna().map({True: "+", False: ""})
    table["column"] = table["arm"] + (" − " + table["against"]).fillna("") + " [95 %]"
    table["cell"] = [
        f"{digits(row.value, sign)} {ends(row.low, row.high, sign)}"
        for row, sign in zip(table.itertuples(), signs, strict=True)
    ]
    index = ["observation", "support"]
    wide = table.pivot_table(
        index=index, columns="column", values="cell", aggfunc="first", sort=False
    )
    return markdown(wide.reset_index())


def ablations(run: Run = STUDY) -> str:
    """The arms of the ablation that ran, one row each, and below it those that did not."""
    table = labelled(build.read("ablations", run))
    ran = table[table["seeds"] > 0]
    columns = {"section": ran["section"], "arm": ran["arm"]}
    columns["− MCCS, " + F1] = [
        f"{digits(row.difference, '+')} {ends(row.low, row.high, '+')}" if row.pairs > 0 else NONE
        for row in ran.itertuples()
    ]
    for name in ("f1", "precision", "recall", "macro_f1", "example_f1_14"):
        columns[name] = ran[name].map(digits)
    columns |= {"denials": ran["negatives"].map("{:.1f}".format), "seeds": ran["seeds"]}
    missing = table.loc[table["seeds"] == 0, "arm"]
    not_run = f"\n\nNot run: {'; '.join(missing)}." if len(missing) else ""
    return markdown(pd.DataFrame(columns), names=2) + not_run


def cost(run: Run = STUDY) -> str:
    """Steps, trained parameters and minutes of each trained arm, from the manifests."""
    rows = []
    for arm, trained in build.read("training", run).groupby("arm", sort=False):
        runs = [
            Run(f"{run.corpus}/{arm}", run.scale, seed, run.results) for seed in trained["seed"]
        ]
        entries = pd.DataFrame([each.read_manifest()[each.recipe.stage] for each in runs])
        minutes = entries["seconds"] / 60
        rows.append(
            {
                "arm": arm,
                "seeds": len(entries),
                "steps": f"{entries['steps'].max():,}",
                "trained parameters": f"{entries['trained_parameters'].max():,}",
                "minutes per seed, median": f"{minutes.median():.1f}",
            }
        )
    return markdown(labelled(main_study(pd.DataFrame(rows), run.scale)))


def made_with(run: Run = STUDY) -> str:
    """Commit, hardware and versions of the stage that trained a run."""
    entry = run.read_manifest()[run.recipe.stage]
    shown = {
        name: entry[name] for name in ("commit", "parameters", "trained_parameters", "hardware")
    }
    return _settings({"": shown | {"versions": entry["versions"]}})


def manifest_settings(run: Run = STUDY) -> str:
    """The settings that a run was made with."""
    manifest = run.read_manifest()
    return _settings({"value": {name: manifest[name] for name in ("experiment", "scale")}})


def settings(arm: str, *scales: str) -> str:
    """The settings of an arm at some scales, in the present code."""
    return _settings({name: asdict(ARMS[arm]) | asdict(load_scale(name)) for name in scales})


def _settings(columns: dict[str, dict]) -> str:
    frame = pd.DataFrame({name: pd.json_normalize(each).iloc[0] for name, each in columns.items()})
    return markdown(frame.fillna(NONE).rename_axis("setting").reset_index(), names=2)


def dictionary() -> str:
    """Every column of every saved table, a section per table."""
    parts = [
        f"## `tables/{name}.csv`\n\n{markdown(rows.drop(columns='table'), names=3)}"
        for name, rows in build.columns().groupby("table", sort=False)
    ]
    return "\n\n".join(parts)


def documents() -> list[Path]:
    """The Markdown files of the checkout that have generated blocks."""
    found = [*REPOSITORY.glob("*.md"), *results_root().glob("*.md"), *results_root().glob("*/*.md")]
    return [path for path in found if "[[[cog" in path.read_text(encoding="utf-8")]


def main() -> None:
    """Write the generated numbers of the documents again; with --check change nothing."""
    parser = argparse.ArgumentParser(prog="run_all.sh readme", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether they are current")
    how = ["--check", "--diff"] if parser.parse_args().check else ["-r"]
    sys.exit(Cog().main(["cog", *how, *map(str, documents())]))


if __name__ == "__main__":
    main()
