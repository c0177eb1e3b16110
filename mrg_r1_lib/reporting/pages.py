"""The generated numbers of the documents: saved tables, manifests and settings -> Markdown.

A document calls these functions in cog blocks (`<!-- [[[cog cog.outl(pages.ranking()) ]]] -->`).
`python -m mrg_r1_lib.reporting.pages` writes every block again. With `--check` it changes nothing
and exits with an error where a document is not current.
"""

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from cogapp import Cog

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import CE_DEFINITIONS, PRIMARY
from mrg_r1_lib.reporting import build
from mrg_r1_lib.reporting.figures.captions import CAPTIONS
from mrg_r1_lib.reporting.tables import labelled, main_study, summary
from mrg_r1_lib.rewards import REWARDS, build_reward
from mrg_r1_lib.rewards.ranking import ranking_table
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import load_scale
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

STUDY = Run("iu_xray/srl_mccs", "laptop", 0, results_root())
NONE = "–"
NOT_SCORED = "Not scored yet."
F1 = "CE F1 micro-13 [95 %]"
BESIDE = ("precision", "recall", "macro_f1")  # the differences beside that in F1


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


def with_ends(row: pd.Series, name: str = "difference", sign: str = "+") -> str:
    """The value called `name` and its interval; a dash for NaN.

    >>> with_ends(pd.Series({"difference": 0.5, "low": 0.4, "high": 0.6}))
    '+0.500 [+0.400, +0.600]'
    """
    value = digits(row[name], sign)
    return value if value == NONE else f"{value} {ends(row['low'], row['high'], sign)}"


def headline(run: Run = STUDY) -> str:
    """What SRL with MCCS adds to each system that it was planned to be compared with, in a line."""
    table = build.read("comparisons", run).query("family == 'planned' and measure == 'f1'")
    parts = [f"{with_ends(row)} against {row['against']}" for _, row in labelled(table).iterrows()]
    return "clinical F1 of SRL: " + ("; ".join(parts) or NOT_SCORED)


def main_table(*arms: str, columns: tuple[str, ...] = (), run: Run = STUDY) -> str:
    """The systems of the default study, one row each; where named, these arms and columns alone."""
    saved = (build.read(name, run) for name in ("main", "scores"))
    main, scores = (main_study(each, run.settings.arms) for each in saved)
    numbers, scores = summary(main, scores), scores.set_index("arm")
    shown = numbers.map(digits).rename(columns={"F1 micro-13": F1})
    shown[F1] = scores.apply(with_ends, axis=1, name="value", sign="")
    shown["seeds"] = scores["seeds"]
    shown = shown.loc[list(arms or shown.index), list(columns or shown)]
    return markdown(labelled(shown.reset_index()).rename(columns={"arm": "system"}))


def planned(family: str, *columns: str, reference: str = "", run: Run = STUDY) -> str:
    """The planned comparisons of a family; where named, these columns alone.

    On the test split, or on the confirmation set against one of its references.
    """
    table = build.read("confirmed_comparisons" if reference else "comparisons", run)
    table = table.query("reference == @reference") if reference else table
    own = labelled(table[table["family"] == family])
    rows = []
    for (arm, against), parts in own.groupby(["arm", "against"], sort=False):
        by = parts.set_index("measure")
        f1 = by.loc["f1"]
        row = {"difference": f"{arm} − {against}", "seeds": f1["seeds"], F1: with_ends(f1)}
        row["corrected [95 %]"] = ends(f1["corrected_low"], f1["corrected_high"], "+")
        row["p (Holm)"] = "< 0.001" if f1["p_holm"] < 0.001 else digits(f1["p_holm"])
        row["t over seeds [95 %]"] = ends(f1["t_low"], f1["t_high"], "+")
        row |= {name: digits(by.loc[name, "difference"], "+") for name in BESIDE}
        rows.append(row)
    return markdown(pd.DataFrame(rows)[list(columns or rows[0])], names=2) if rows else NOT_SCORED


def hypotheses(run: Run = STUDY) -> str:
    """Each hypothesis of the plan, what came out, and whether it holds."""
    table = labelled(build.read("hypotheses", run))
    frame = pd.DataFrame({"difference": table["arm"] + " − " + table["against"]})
    frame = frame.assign(set=table["on"], planned=table["at_least"].map("at least {:+.2f}".format))
    frame["planned"] += table["surely"].map({True: ", interval above 0", False: ""})
    frame["came out"] = table.apply(with_ends, axis=1)
    beside = ["recall", "macro_f1", "sides", "F1 on the other set"]
    frame[beside] = table[[*beside[:-1], "elsewhere"]].map(digits, sign="+")
    holds = table["holds"].map({True: "yes", False: "**no**"})
    return markdown(frame.assign(seeds=table["seeds"], holds=holds), names=3)


def definitions(run: Run = STUDY) -> str:
    """F1 of each system in every definition of CE, with the published code that computes it."""
    main = main_study(build.read("main", run), run.settings.arms).query("metric == 'ce_f1'")
    main = labelled(main[[ARMS[arm].stage != "shuffled" for arm in main["arm"]]])
    wide = main.pivot_table(index=list(PRIMARY), columns="arm", values="value", sort=False)
    users = [
        ", ".join(name for name, each in CE_DEFINITIONS.items() if tuple(each.values()) == key)
        for key in wide.index
    ]
    frame = wide.map(digits).assign(**{"used by": users}).reset_index()
    return markdown(frame[[*PRIMARY, "used by", *wide]], names=len(PRIMARY) + 1)


def observations(run: Run = STUDY) -> str:
    """F1 of each observation with SFT and with SRL, and the difference."""
    table = labelled(build.read("observation_intervals", run))
    table["column"] = table["arm"] + (" − " + table["against"]).fillna("") + " [95 %]"
    table["sign"] = table["against"].notna().map({True: "+", False: ""})
    table["cell"] = [with_ends(row, "value", row["sign"]) for _, row in table.iterrows()]
    return _wide(table, "observation", "support")


def _wide(table: pd.DataFrame, *index: str) -> str:
    wide = table.pivot_table("cell", list(index), "column", aggfunc="first", sort=False)
    return markdown(wide.reset_index())


def against_sft(run: Run = STUDY) -> str:
    """Each system's difference to SFT in F1, a column per sealed set and reference."""
    table = labelled(build.read("against_sft", run))
    cell, column = table.apply(with_ends, axis=1), table["split"] + ", " + table["reference"]
    return _wide(table.assign(cell=cell, column=column), "arm", "seeds", "same")


def secondary(split: str, run: Run = STUDY) -> str:
    """The secondary measures on a sealed set, a row per system."""
    table = build.read("secondary", run).query("split == @split").set_index("arm")
    shown = table.drop(columns=["split", "seeds"]).map(digits).assign(seeds=table["seeds"])
    return markdown(labelled(shown.reset_index()))


def ablations(run: Run = STUDY) -> str:
    """The arms of the ablation that ran, one row each, and below it those that did not."""
    table = labelled(build.read("ablations", run).assign(key=lambda rows: rows["arm"]))
    ran, missing = table[table["seeds"] > 0], table.loc[table["seeds"] == 0, "arm"]
    frame = ran[["section", "arm", "key"]].assign(**{f"− MCCS, {F1}": ran.apply(with_ends, axis=1)})
    frame["t over seeds [95 %]"] = [ends(row.t_low, row.t_high, "+") for row in ran.itertuples()]
    frame = frame.join(ran[["f1", "precision", "recall", "macro_f1", "example_f1_14"]].map(digits))
    seeds = ran["pairs"].fillna(ran["seeds"]).astype(int)
    frame = frame.assign(denials=ran["negatives"].map("{:.1f}".format), seeds=seeds)
    return markdown(frame, names=3) + f"\n\nNot run: {'; '.join(missing) or 'none'}."


def cost(run: Run = STUDY) -> str:
    """Seeds, steps, trained parameters and minutes of each trained arm, from the manifests."""
    trained = build.read("training", run)
    keys = zip(trained["arm"], trained["seed"], strict=True)
    runs = [replace(run.of_arm(arm), seed=seed) for arm, seed in keys]
    rows = [{"arm": each.arm, **each.read_manifest()[each.recipe.stage]} for each in runs]
    by = main_study(pd.DataFrame(rows), run.settings.arms).groupby("arm", sort=False)
    frame = by[["steps", "trained_parameters"]].max().map("{:,}".format)
    minutes = (by["seconds"].median() / 60).map("{:.1f}".format)
    frame = frame.assign(seeds=by.size(), **{"minutes per seed, median": minutes})
    return markdown(labelled(frame.reset_index()))


def measurements(device: str, *columns: str, names: int) -> str:
    """Columns of the steps measured on one device, `names` to the left; a dash: not measured."""
    table = pd.read_csv(results_root() / "benchmarks" / f"gpu_{device}.csv")[list(columns)]
    table = table.round(1).astype(object).fillna(NONE)
    return markdown(table.rename(columns=lambda name: name.replace("_", " ")), names)


def manifest(*parts: str, run: Run = STUDY) -> str:
    """Parts of a run's manifest, such as "scale", one row per entry."""
    return _settings({"value": {part: run.read_manifest()[part] for part in parts}})


def settings(arm: str, *scales: str) -> str:
    """The settings of an arm at some scales, in the present code."""
    return _settings({name: asdict(ARMS[arm]) | asdict(load_scale(name)) for name in scales})


def _settings(columns: dict[str, dict]) -> str:
    frame = pd.DataFrame({name: pd.json_normalize(each).iloc[0] for name, each in columns.items()})
    return markdown(frame.fillna(NONE).rename_axis("setting").reset_index(), names=3)


def ranking() -> str:
    """Of the ranking suite's cases, the share that each reward gets right, and wrong way round."""
    labeler = load_labeler("rules")
    built = {name: build_reward(name, labeler=labeler) for name in REWARDS}
    shares = ranking_table(built, labeler).loc["all kinds"].drop("cases", level=0).unstack(0)
    shares = shares.sort_values("passed", ascending=False).map(lambda share: f"{share:.0%}")
    return markdown(shares.rename_axis("reward").reset_index())


def figures(part: str) -> str:
    """The figures of a part with their captions, for a page in the study's folder."""
    return "\n\n".join(
        f"![{each.alt}](figures/{name}.png)\n\n*{each.title}.* {each.text}"
        for name, each in CAPTIONS.items()
        if each.part == part
    )


def dictionary() -> str:
    """Every column of every saved table, a section per table."""
    parts = build.columns().groupby("table", sort=False)
    return "\n\n".join(
        f"### `tables/{name}.csv`\n\n{markdown(rows.drop(columns='table'), names=3)}"
        for name, rows in parts
    )


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
