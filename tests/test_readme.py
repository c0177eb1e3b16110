"""The README's numbers: written from saved tables, and the committed ones are those of the committed tables."""

import pytest

from mrg_r1_lib.reporting import readme
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

HEADER = "system,seed,metric,average,classes,uncertain,value,low,high\n"
MARKERS = """# Title
<!-- generated: status -->
old
<!-- end: status -->
text
<!-- generated: planned -->
<!-- end: planned -->
<!-- generated: own_reward -->
<!-- end: own_reward -->
<!-- generated: own_reward_all_studies -->
<!-- end: own_reward_all_studies -->
<!-- generated: ablations -->
<!-- end: ablations -->
<!-- generated: main_table -->
<!-- end: main_table -->
end
"""
PLANNED = """system,against,measure,difference,low,high,p,p_holm,seeds
"SRL, MCCS",SFT,f1,0.0412,0.01,0.07,0.0022,0.0044,5
"SRL, MCCS",SFT,recall,-0.0104,-0.03,0.01,0.4,,5
"SRL, MCCS",SFT,precision,0.05,0.02,0.08,0.01,,5
"""
ABLATIONS = """arm,section,system,seeds,f1,precision,recall,macro_f1,example_f1_14,negatives,difference,low,high,p
srl_mccs,the reward,"SRL, MCCS",5,0.5,0.6,0.4,0.3,0.2,4.25,,,,
srl_bleu,the reward,"SRL, BLEU-4",2,0.25,0.6,0.4,0.3,0.2,1,-0.25,-0.3,-0.2,0.001
srl_beta_0,the KL term,"SRL, MCCS, KL 0",0,,,,,,,,,,
"""
COLUMNS = (
    ("f1", "micro", 13),
    ("precision", "micro", 13),
    ("recall", "micro", 13),
    ("f1", "macro", 13),
)
COLUMNS += (("f1", "example", 14), ("f1", "micro", 14), ("f1", "micro", 5))


def rows(system, seed, value, interval=","):
    """One system's rows: micro-13 F1 is `value`, each further number .01 more; as negative everything is 0."""
    lines = []
    for place, (part, average, classes) in enumerate(COLUMNS):
        ends = interval if place == 0 else ","
        lines.append(
            f'"{system}",{seed},ce_{part},{average},{classes},positive,{value + place / 100:.2f},{ends}'
        )
        lines.append(f'"{system}",{seed},ce_{part},{average},{classes},negative,0,,')
    others = ("bleu_1", "bleu_4", "rouge_l", "format_rate")
    lines += [
        f'"{system}",{seed},{name},,,,{value + 0.1 * place:.2f},,'
        for place, name in enumerate(others, start=1)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def results(tmp_path):
    """Write a main table and the planned comparisons below a results folder and return that folder."""

    def write(*parts):
        path = tmp_path / "laptop" / "tables" / "main.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + "".join(parts))
        path.with_name("planned.csv").write_text(PLANNED)
        for name in ("own_reward.csv", "own_reward_all_studies.csv"):
            path.with_name(name).write_text(PLANNED.splitlines()[0] + "\n")
        path.with_name("ablations.csv").write_text(ABLATIONS)
        return tmp_path

    return write


def block(text, name):
    return text.partition(f"<!-- generated: {name} -->\n")[2].partition(f"\n<!-- end: {name} -->")[
        0
    ]


def test_the_blocks_are_written_from_the_table_and_all_else_stays(results):
    text = readme.render(MARKERS, results(rows("SFT", 0, 0.25, "0.2,0.3"), rows("normal", 0, 0.5)))
    lines = block(text, "main_table").splitlines()
    assert lines[0] == (
        "| system | CE F1 micro-13 [95 %] | precision | recall | F1 macro-13 | F1 example-14 | F1 micro-14 | F1 micro-5 "
        "| BLEU-4 | ROUGE-L | format rate |"
    )
    assert lines[2] == (
        "| SFT | 0.250 [0.200, 0.300] | 0.260 | 0.270 | 0.280 | 0.290 | 0.300 | 0.310 | 0.450 | 0.550 | 0.650 |"
    )
    assert lines[3].startswith("| normal | 0.500 | 0.510 |") and len(lines) == 4
    assert block(text, "status") == "**Preliminary: one seed.** Scale `laptop`, 2 systems."
    assert block(text, "planned").splitlines()[2:] == [
        "| SRL, MCCS − SFT | +0.041 [+0.010, +0.070] | 0.004 | +0.050 | -0.010 | 5 |"
    ]
    assert len(block(text, "own_reward").splitlines()) == 2  # that arm has not run
    assert block(text, "ablations").splitlines()[2:] == [
        "| the reward | SRL, MCCS | – | 0.500 | 0.600 | 0.400 | 0.300 | 0.200 | 4.2 | 5 |",
        "| the reward | SRL, BLEU-4 | -0.250 [-0.300, -0.200] | 0.250 | 0.600 | 0.400 | 0.300 | 0.200 | 1.0 | 2 |",
        "",
        "Not run: SRL, MCCS, KL 0.",
    ]
    assert (
        text.startswith("# Title\n<!-- gen")
        and "\ntext\n" in text
        and text.endswith("<!-- end: main_table -->\nend\n")
    )
    assert (
        readme.render(text, results(rows("SFT", 0, 0.25, "0.2,0.3"), rows("normal", 0, 0.5)))
        == text
    )


def test_several_seeds_are_averaged_and_counted_and_their_outermost_ends_shown(results):
    seeds = rows("SRL, MCCS", 0, 0.2, "0.1,0.3"), rows("SRL, MCCS", 1, 0.4, "0.25,0.5")
    text = readme.render(MARKERS, results(*seeds, rows("normal", 0, 0.5)))
    assert "| SRL, MCCS | 0.300 [0.100, 0.500] | 0.310 |" in text
    assert (
        block(text, "status")
        == "Scale `laptop`, 2 systems: 2 seeds of SRL, MCCS, one seed of the others."
    )


def test_arms_of_the_ablation_stand_in_their_own_table_only(results):
    text = readme.render(
        MARKERS,
        results(
            rows("SFT", 0, 0.25),
            rows("SRL, BLEU-4", 0, 0.5),
            rows("SRL, BLEU-4, images shuffled", 0, 0.1),
        ),
    )
    assert "BLEU-4 | 0" not in block(text, "main_table") and "shuffled" not in block(
        text, "main_table"
    )
    assert block(text, "status").endswith("1 systems.")


def test_a_number_that_a_system_does_not_have_is_a_dash(results):
    without = (
        "\n".join(line for line in rows("normal", 0, 0.5).splitlines() if "rouge_l" not in line)
        + "\n"
    )
    line = block(
        readme.render(MARKERS, results(rows("SFT", 0, 0.25), without)), "main_table"
    ).splitlines()[3]
    assert line.split(" | ")[-2] == "–"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            MARKERS.replace("<!-- end: status -->\n", ""),
            r"block 'status' has the markers \['generated'\]",
        ),
        (
            MARKERS.replace("<!-- generated: main_table -->\n", ""),
            r"block 'main_table' has the markers \['end'\]",
        ),
        ("no marker", "block 'status' has the markers none"),
        (
            MARKERS + MARKERS,
            r"block 'status' has the markers \['generated', 'end', 'generated', 'end'\]",
        ),
        (
            MARKERS + "<!-- generated: more -->\n<!-- end: more -->",
            "nothing writes the block 'more'; expected one of status",
        ),
        (
            MARKERS.replace("<!-- end: status -->\n", "").replace(
                "end\n", "<!-- end: status -->\n"
            ),
            "one block lies in another",
        ),
    ],
)
def test_a_marker_that_is_missing_or_out_of_place_is_named(results, text, message):
    with pytest.raises(ValueError, match=message):
        readme.render(text, results(rows("SFT", 0, 0.25)))


def test_without_a_table_the_command_that_makes_it_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"laptop/tables/main\.csv is not there.*Notebooks 04 and 05.*\./run_all\.sh",
    ):
        readme.render(MARKERS, tmp_path)


def test_check_says_that_the_numbers_are_stale_and_changes_nothing(
    results, tmp_path, monkeypatch, capsys
):
    root = results(rows("SFT", 0, 0.25))
    (tmp_path / "README.md").write_text(MARKERS)
    monkeypatch.setattr(readme, "REPOSITORY", tmp_path)
    monkeypatch.setattr(readme, "results_root", lambda: root)
    monkeypatch.setattr("sys.argv", ["readme", "--check"])
    with pytest.raises(SystemExit) as stopped:
        readme.main()
    assert stopped.value.code == 1 and "./run_all.sh readme" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == MARKERS
    monkeypatch.setattr("sys.argv", ["readme"])
    readme.main()
    assert "0.250" in (tmp_path / "README.md").read_text()
    monkeypatch.setattr("sys.argv", ["readme", "--check"])
    readme.main()


@pytest.mark.parametrize(
    "text", ["SFT has 0.531", "a gain of +.03", "F1 0.86 and −0.02", "three times 4.5"]
)
def test_a_number_typed_into_the_prose_is_named_with_its_line(results, text):
    (named,) = readme.typed_numbers(f"# Title\n{text}.\n")
    assert named == f"line 2: {text.split()[-1]}"
    folder = results(rows("SFT", 0, 0.25))
    (problem,) = readme.problems(readme.render(MARKERS, folder) + text, folder)
    assert text.split()[-1] in problem and "STATED of mrg_r1_lib/reporting/readme.py" in problem


def test_versions_licences_addresses_stated_constants_and_generated_blocks_are_no_typed_numbers(
    results,
):
    prose = "arXiv:2512.16145, torch==2.13.0, Python 3.11, Apache-2.0, CC BY-NC-ND 4.0, Qwen2.5-VL, 0.75, 0.25, +0.03, 95 %, a.csv"
    folder = results(rows("SFT", 0, 0.25))
    text = readme.render(MARKERS, folder)
    assert "0.250" in text and readme.problems(text + prose, folder) == []
    assert all(reason for reason in readme.STATED.values())


def test_check_fails_for_a_typed_number(results, tmp_path, monkeypatch, capsys):
    root = results(rows("SFT", 0, 0.25))
    (tmp_path / "README.md").write_text(readme.render(MARKERS, root) + "SFT has 0.251.\n")
    monkeypatch.setattr(readme, "REPOSITORY", tmp_path)
    monkeypatch.setattr(readme, "results_root", lambda: root)
    monkeypatch.setattr("sys.argv", ["readme", "--check"])
    with pytest.raises(SystemExit) as stopped:
        readme.main()
    assert stopped.value.code == 1 and "0.251" in capsys.readouterr().err


def test_no_number_of_a_result_is_typed_into_the_committed_readme():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert readme.typed_numbers(text) == []
    unused = [number for number in readme.STATED if number not in text]
    assert not unused, "stated in readme.py, no longer in the README"


def test_the_committed_readme_shows_the_numbers_of_the_committed_results():
    if not (results_root() / "laptop" / "tables" / "main.csv").exists():
        pytest.skip(
            "results/laptop/tables/main.csv is not there: the laptop study has not been run to its end here"
        )
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert readme.render(text, results_root()) == text, (
        "stale numbers: write them anew with ./run_all.sh readme"
    )
