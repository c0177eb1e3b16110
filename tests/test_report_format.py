import pytest

from mrg_r1_lib.report_format import completion_text, parse_completion, render_target


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
