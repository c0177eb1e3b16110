"""The study's tables as people read them: frames of saved numbers -> frames of strings, three digits a number.

README and `tables/printed/` show these. The first columns name a row; a dash is a number that a row does not have.
"""

import pandas as pd

from mrg_r1_lib.reporting.tables import PRIMARY, main_study, summary

NONE = "–"
COLUMNS = {  # of tables.summary -> as they are printed
    "F1 micro-13": "CE F1 micro-13 [95 %]",
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


def digits(value: float, sign: str = "") -> str:
    """Three digits behind the point, with `sign` "+" signed; a dash for NaN.

    >>> digits(0.5), digits(0.0306, "+"), digits(float("nan"))
    ('0.500', '+0.031', '–')
    """
    return NONE if pd.isna(value) else f"{value:{sign}.3f}"


def main(table: pd.DataFrame, scale: str) -> pd.DataFrame:
    """The systems of the default study, a row a system, from `tables.main_table`.

    Numbers are means over a system's seeds; its interval runs from the lowest end of a seed's interval to the highest.
    """
    table = main_study(table, scale)
    primary = table[
        (table["metric"] == "ce_f1")
        & (table[list(PRIMARY)] == pd.Series(PRIMARY)).all(axis="columns")
    ]
    ends = primary.groupby("system").agg(low=("low", "min"), high=("high", "max"))
    rows = []
    for system, row in summary(table).iterrows():
        cells = {title: digits(row[column]) for column, title in COLUMNS.items()}
        if ends.loc[system].notna().all():
            cells[COLUMNS["F1 micro-13"]] += (
                f" [{digits(ends.loc[system, 'low'])}, {digits(ends.loc[system, 'high'])}]"
            )
        rows.append({"system": system} | cells)
    return pd.DataFrame(rows, columns=["system", *COLUMNS.values()])


def planned(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Planned comparisons, a row a pair: its differences in F1, precision and recall."""
    rows = []
    for (system, against), parts in comparisons.groupby(["system", "against"], sort=False):
        parts = parts.set_index("measure")
        f1 = parts.loc["f1"]
        row = {"difference": f"{system} − {against}", "CE F1 micro-13 [95 %]": _difference(f1)}
        row |= {"p (Holm)": digits(f1["p_holm"]) if f1["p_holm"] >= 0.001 else "< 0.001"}
        row |= {
            name: digits(parts.loc[name, "difference"], "+") for name in ("precision", "recall")
        }
        rows.append(row | {"seeds": f"{f1['seeds']:.0f}"})
    return pd.DataFrame(
        rows,
        columns=["difference", "CE F1 micro-13 [95 %]", "p (Holm)", "precision", "recall", "seeds"],
    )


def ablations(table: pd.DataFrame) -> pd.DataFrame:
    """The ablation, a row an arm; one that has not run has 0 seeds and dashes."""
    scores = {
        name: table[name].map(digits)
        for name in ("f1", "precision", "recall", "macro_f1", "example_f1_14")
    }
    named = {"f1": "F1", "macro_f1": "macro-13", "example_f1_14": "example-14"}
    differences = [
        NONE if pd.isna(row["difference"]) else _difference(row) for _, row in table.iterrows()
    ]
    columns = {
        "section": table["section"],
        "arm": table["system"],
        "− MCCS, CE F1 micro-13 [95 %]": differences,
    }
    columns |= {named.get(name, name): values for name, values in scores.items()}
    denials = [NONE if pd.isna(value) else f"{value:.1f}" for value in table["negatives"]]
    return pd.DataFrame(columns | {"denials": denials, "seeds": table["seeds"].astype(str)})


def _difference(row: pd.Series) -> str:
    return f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"


def observations(table: pd.DataFrame) -> pd.DataFrame:
    """F1 of each observation before and after SRL, and the difference, with intervals: `comparisons.observation_scores`."""
    rows: dict[str, dict[str, str]] = {}
    for row in table.itertuples():
        sign = "+" if row.system == "difference" else ""
        value, low, high = (digits(number, sign) for number in (row.value, row.low, row.high))
        title = "difference [95 %]" if row.system == "difference" else f"F1, {row.system} [95 %]"
        named = rows.setdefault(
            row.observation, {"observation": row.observation, "support": str(row.support)}
        )
        named[title] = f"{value} [{low}, {high}]"
    return pd.DataFrame(rows.values())
