"""Columns of saved tables: type, range and meaning in one line each.

They stand beside the function that makes the table. pandera checks a table against them before it
is saved. They also give the data dictionary, and tell the guard of private corpora which columns
may hold words.
"""

from collections.abc import Mapping

import pandas as pd
import pandera.pandas as pa

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.study import CONFIRMATION, SPLITS

Columns = Mapping[str, pa.Column]


def name(description: str, known: tuple[str, ...] = (), empty: bool = False) -> pa.Column:
    """A column of words of this library's own, one of `known` if there are any."""
    return _column(str, "text", description, pa.Check.isin(known) if known else None, empty)


def count(description: str, empty: bool = False) -> pa.Column:
    """A column of whole numbers from 0."""
    return _column("Int64" if empty else int, "integer", description, pa.Check.ge(0), empty)


def rate(description: str) -> pa.Column:
    """A column of numbers in [0, 1], empty where a row has none."""
    return _column(float, "number, 0 to 1", description, pa.Check.in_range(0, 1), True)


def difference(description: str) -> pa.Column:
    """A column of numbers in [-1, 1], empty where a row has none."""
    return _column(float, "number, -1 to 1", description, pa.Check.in_range(-1, 1), True)


def number(description: str) -> pa.Column:
    """A column of any numbers, empty where a row has none."""
    return _column(float, "number", description, None, True)


def flag(description: str) -> pa.Column:
    """A column of True and False."""
    return _column(bool, "true/false", description)


def code(description: str) -> pa.Column:
    """A column of label codes."""
    return _column(int, "label code, 0 to 3", description, pa.Check.in_range(0, 3))


def identifier(description: str) -> pa.Column:
    """A column of ids, which are no words: the guard of private corpora looks at them."""
    return _column(None, "id", description)  # numbers of rows stay numbers


def _column(
    of: object, kind: str, description: str, check: pa.Check | None = None, empty: bool = False
) -> pa.Column:
    facts = {"type": kind}
    return pa.Column(of, check, nullable=empty, description=description, metadata=facts)


def _arm(description: str, empty: bool = False) -> pa.Column:
    known = pa.Check(lambda arms: arms.isin(list(ARMS)), error="a key of ARMS")
    return _column(str, "text", description, known, empty)


SPLIT = name("the split or set that was scored", (*SPLITS, CONFIRMATION))
ARM = _arm("the arm, a key of `ARMS` in `mrg_r1_lib/experiments.py`")
AGAINST = _arm("the arm that is subtracted; empty where none is", empty=True)
SEED = count("the run's seed")
SEEDS = count("seeds that are pooled; of a pair: the seeds that both arms have")
OBSERVATION = name("one of the 14 observations", OBSERVATIONS)
LOW = "lower end of the 95 % interval, over seeds and studies together"
HIGH = "upper end of the same interval"
T_LOW = "lower end of the 95 % t interval over the differences of single seeds"
T_HIGH = "upper end of the t interval"
P = rate("two-sided p of no difference, by the paired bootstrap; not corrected")


def validated(table: pd.DataFrame, columns: Columns, title: str) -> pd.DataFrame:
    """The table with these columns, ordered and typed; ValueError says what does not fit."""
    found = [each for each in columns if each in table]
    table = table[found + [each for each in table if each not in columns]]
    schema = pa.DataFrameSchema(dict(columns), strict=True, coerce=True, name=title)
    try:
        return schema.validate(table)
    except (pa.errors.SchemaError, pa.errors.SchemaErrors) as error:
        raise ValueError(f"The table {title} does not fit its columns: {error}") from None


def names(columns: Columns) -> list[str]:
    """The columns that may hold words."""
    return [title for title, each in columns.items() if each.metadata["type"] == "text"]


def described(columns: Columns) -> pd.DataFrame:
    """Column, type and description: a table's part of the data dictionary."""
    rows = [(title, each.metadata["type"], each.description) for title, each in columns.items()]
    return pd.DataFrame(rows, columns=["column", "type", "description"])
