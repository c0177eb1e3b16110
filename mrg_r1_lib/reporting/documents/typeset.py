"""A frame of strings as a table in Markdown or LaTeX: what README, `tables/printed/` and notebooks print.

The first `names` columns are aligned to the left, the numbers behind them to the right. Nothing is rounded here.
"""

import pandas as pd

_LATEX = {  # what LaTeX would read as a command, or what its fonts do not have
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
    **{sign: f"${sign}$" for sign in "<>|"},
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
}


def markdown(table: pd.DataFrame, names: int = 1) -> str:
    """The table in Markdown, without a line break at its end; a bar inside a cell is escaped.

    >>> print(markdown(pd.DataFrame({"system": ["SFT"], "F1": ["0.534"]})))
    | system | F1 |
    |---|---:|
    | SFT | 0.534 |
    """
    rows = [
        [str(cell).replace("|", r"\|") for cell in row]
        for row in [list(table.columns), *table.to_numpy().tolist()]
    ]
    rule = "|" + "---|" * names + "---:|" * (table.shape[1] - names)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines[0] = lines[0].replace("|  |", "| |")  # a column without a title
    return "\n".join([lines[0], rule, *lines[1:]])


def latex(table: pd.DataFrame, names: int = 1) -> str:
    """The table as a `tabular` of LaTeX's package booktabs, without a line break at its end; special signs are escaped.

    >>> print(latex(pd.DataFrame({"system": ["SFT"], "95 %": ["0.5"]})))
    \\begin{tabular}{lr}
    \\toprule
    system & 95 \\% \\\\
    \\midrule
    SFT & 0.5 \\\\
    \\bottomrule
    \\end{tabular}
    """
    head, *rows = (
        [escape(str(cell)) for cell in row]
        for row in [list(table.columns), *table.to_numpy().tolist()]
    )
    lines = [
        rf"\begin{{tabular}}{{{'l' * names}{'r' * (table.shape[1] - names)}}}",
        r"\toprule",
        _row(head),
        r"\midrule",
    ]
    return "\n".join([*lines, *map(_row, rows), r"\bottomrule", r"\end{tabular}"])


def escape(text: str) -> str:
    r"""A text as LaTeX prints it.

    >>> escape("95 % & p < 0.001")
    '95 \\% \\& p $<$ 0.001'
    """
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
