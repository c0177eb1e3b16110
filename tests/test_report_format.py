import random
import re
import time

import pytest

from mrg_r1_lib.report_format import TAGS, completion_text, parse_completion, render_target


def test_a_rendered_target_parses_into_its_parts():
    parsed = parse_completion(render_target("Edema", "Mild edema."))
    assert (parsed.think, parsed.report, parsed.well_formed) == ("Edema", "Mild edema.", True)


def test_an_empty_think_part_is_well_formed_and_an_empty_report_is_not():
    assert parse_completion("<think></think><report>Clear lungs.</report>").well_formed
    assert not parse_completion("<think>Edema</think><report> </report>").well_formed


@pytest.mark.parametrize(
    ("completion", "report"),
    [
        ("No tags at all.", ""),
        ("", ""),
        ("<think>Edema</think>", ""),
        ("<think>Edema</think>\n<report>Cut off in the mid", "Cut off in the mid"),
        ("<think>Edema</think><report>First.</report><report>Second.</report>", "First."),
        ("<report>Before.</report><think>Edema</think>", "Before."),
        ("<think>Edema</think> words between <report>Report.</report>", "Report."),
        ("<think>Edema</think><report>Report.</report> words after", "Report."),
    ],
)
def test_a_broken_completion_keeps_its_report_but_is_not_well_formed(completion, report):
    parsed = parse_completion(completion)
    assert (parsed.report, parsed.well_formed) == (report, False)


def test_think_text_inside_the_report_never_reaches_the_report():
    assert "Edema" not in parse_completion("<report>Clear.<think>Edema</think></report>").report
    assert "Edema" not in parse_completion("<report><think>Edema</think>Clear.</report>").report


def test_a_completion_may_be_a_string_or_messages():
    parts = [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        }
    ]
    assert (
        completion_text("ab")
        == completion_text(parts)
        == completion_text([{"role": "assistant", "content": "ab"}])
        == "ab"
    )


@pytest.mark.parametrize("completion", [None, 3, b"Clear.", [], {}, [{}], [None], [{"content": None}], [{"content": [3]}]], ids=repr)  # fmt: skip
def test_a_completion_that_is_neither_text_nor_messages_is_named(completion):
    with pytest.raises(TypeError, match=r"completion is .* expected a str or messages"):
        parse_completion(completion)


@pytest.mark.parametrize(
    "completion",
    [
        "<think>" + "</think><report>" * 60_000,
        "<think></think>" * 60_000 + "<report>Clear.</report>",
        "<report>" * 100_000,
        "<think>Edema</think>" + " " * 500_000,
    ],
    ids=["report tags", "parts", "opening tags", "spaces"],
)
def test_a_completion_that_loops_is_parsed_in_linear_time(completion):
    start = time.perf_counter()
    assert not parse_completion(completion).well_formed
    assert time.perf_counter() - start < 1


def test_a_completion_is_well_formed_where_one_pattern_matches_it_whole():
    pattern = re.compile(r"\s*<think>.*?</think>\s*<report>(.*?)</report>\s*", re.DOTALL)
    draw = random.Random(0)
    parts = [*TAGS, "<think", "report>", " ", "\n", "\x1c", "\u200b", "a", "<think></think>", "<report>a</report>"]  # fmt: skip
    seen = set()
    for _ in range(20_000):
        text = "".join(draw.choices(parts, k=draw.randint(0, 8)))
        whole = pattern.fullmatch(text)
        expected = bool(whole and whole[1].strip() and sum(map(text.count, TAGS)) == len(TAGS))
        assert parse_completion(text).well_formed == expected, text
        seen.add(expected)
    assert seen == {True, False}
