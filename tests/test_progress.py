"""What the progress of long work leaves in a log, and that a terminal sees bars."""

import io
import sys

import pytest
from tqdm import tqdm

from mrg_r1_lib.training import progress
from mrg_r1_lib.training.progress import Tenths, call, standard_error


class Terminal(io.StringIO):
    def isatty(self):
        return True


def bars(text):
    """The percent signs' numbers per line."""
    return [int(line.partition("%")[0].split()[-1]) for line in text.splitlines() if "%|" in line]


def test_a_bar_of_a_thousand_steps_is_eleven_lines_in_a_log():
    log = io.StringIO()
    for _ in tqdm(range(1000), desc="training", file=Tenths(log), mininterval=0):
        pass
    assert bars(log.getvalue()) == list(range(0, 101, 10))
    assert log.getvalue().count("\n") == 11 and "\r" not in log.getvalue()


def test_each_of_three_steps_has_a_line():
    log = io.StringIO()
    for _ in tqdm(range(3), file=Tenths(log), mininterval=0):
        pass
    assert bars(log.getvalue()) == [0, 33, 67, 100]


def test_a_bar_inside_another_one_repeats_no_line_of_it():
    log = io.StringIO()
    into = Tenths(log)
    for _ in tqdm(range(2), desc="training", file=into, mininterval=0):
        for _ in tqdm(range(2), desc="writing", file=into, mininterval=0):
            pass
    lines = [line.split("%")[0].split() for line in log.getvalue().splitlines()]
    inside = [["writing:", share] for share in ("0", "50", "100")]
    outside = [["training:", share] for share in ("0", "50", "100")]
    assert lines == [outside[0], *inside, outside[1], *inside, outside[2]]


@pytest.mark.parametrize("text", ["Traceback:\n\n  1 / 0\n", "a", "100%|b\n", "é\n"])
def test_what_is_no_bar_passes_unchanged(text):
    log = io.StringIO()
    into = Tenths(log)
    for character in text:
        into.write(character)
    into.write(text)
    assert log.getvalue() == text * 2


def test_a_warning_between_two_updates_of_a_bar_stays_whole():
    log = io.StringIO()
    Tenths(log).write("\rsft:  10%|#|\rsft:  12%|#|\nWarning: 1\nand more\n\rsft:  20%|##|")
    assert log.getvalue() == "sft:  10%|#|\nWarning: 1\nand more\nsft:  20%|##|\n"


def test_a_terminal_sees_bars_as_they_are(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert standard_error() is sys.stderr
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(standard_error(), Tenths)


def test_a_commands_bars_are_lines_in_a_log_and_its_status_is_kept(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", log)
    code = "import sys, tqdm\nfor _ in tqdm.trange(50, mininterval=0): pass\nsys.exit(3)"
    assert call([sys.executable, "-c", code]) == 3
    assert bars(log.getvalue()) == list(range(0, 101, 10)) and "\r" not in log.getvalue()
