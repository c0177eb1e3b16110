"""The set-up: three files name the packages, and run_all.sh says what is wrong before it works."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import metadata

import pytest
import yaml
from jupyter_client.kernelspec import KernelSpecManager
from packaging.specifiers import SpecifierSet

from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.paths import REPOSITORY

LINES = (REPOSITORY / "requirements.lock").read_text().splitlines()
LOCK = dict(line.split("==") for line in LINES if line and not line.startswith("#"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_that_the_project_names_is_pinned_once_in_the_lock():
    pinned = [canonical(name) for name in LOCK]
    named = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert not [name for name in named if canonical(name) not in pinned]
    assert "setuptools" in pinned  # builds the library without a download
    assert len(set(pinned)) == len(pinned) == sum("==" in line for line in LINES)


def test_the_lock_installs_on_a_cuda_machine_too():
    assert not [name for name, version in LOCK.items() if "+" in version]
    assert not [name for name in LOCK if name.startswith(("nvidia-", "triton", "torchvision"))]


def test_every_package_of_the_lock_takes_the_first_release_of_the_oldest_python():
    """Debian 12 has Python 3.11.2: a package that asks for 3.11.5 stops its set-up."""
    (floor,) = re.findall(r">=(3\.\d+)", PROJECT["requires-python"])
    asked = {name: metadata(name).get("Requires-Python") or "" for name in LOCK}
    assert not {
        name: asks for name, asks in asked.items() if f"{floor}.0" not in SpecifierSet(asks)
    }


def test_conda_takes_the_same_lock_and_python():
    environment = (REPOSITORY / "environment.yml").read_text()
    assert "- -r requirements.lock" in environment
    (python,) = re.findall(r"python=3\.(\d+)", environment)
    (floor,) = re.findall(r">=3\.(\d+)", PROJECT["requires-python"])
    assert int(python) >= int(floor)
    assert f"(3, {floor})" in (REPOSITORY / "run_all.sh").read_text()


def test_every_package_of_the_lock_has_its_licence_in_the_table():
    table = (REPOSITORY / ".github" / "licences.md").read_text()
    listed = {canonical(name) for name in re.findall(r"^\| (\S+) \|", table, re.M)}
    assert {canonical(name) for name in LOCK} == listed - {"name"}


def workflows():
    folder = REPOSITORY / ".github" / "workflows"
    return {path.name: yaml.safe_load(path.read_text()) for path in folder.glob("*.yml")}


def test_ci_pins_actions_by_commit_and_runs_what_a_change_must_pass_on_two_systems():
    made = workflows()
    jobs = [job for each in made.values() for job in each["jobs"].values()]
    actions = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert actions and all(re.search(r"@[0-9a-f]{40}$", action) for action in actions)
    assert all(each["permissions"] == {"contents": "read"} for each in made.values())
    study = made["test.yml"]["jobs"]["study"]
    assert {"run": ".ci/run"} in study["steps"]
    systems, pythons = (study["strategy"]["matrix"][name] for name in ("os", "python"))
    assert {system.partition("-")[0] for system in systems} == {"ubuntu", "macos"}
    assert pythons == ["3.11", "3.13"]


@pytest.fixture
def script(tmp_path):
    """A copy of run_all.sh with what it reads, and a function that calls it."""
    (tmp_path / "mrg_r1_lib").mkdir()
    for name in ("run_all.sh", "requirements.lock", "pyproject.toml", "mrg_r1_lib/scales.py"):
        shutil.copy(REPOSITORY / name, tmp_path / name)

    def call(*words, cwd=tmp_path, path=tmp_path / "run_all.sh", **environment):
        command = [path, *words]
        environment = {"PATH": "/usr/bin:/bin", **environment}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=cwd
        )

    return call


def python(folder, text):
    """A Python made of shell, which must be set up with."""
    path = folder / "a_python"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


def test_an_old_python_is_named_with_what_to_do(script, tmp_path):
    old = python(tmp_path, "[ \"$1\" = --version ] && echo 'Python 3.8.1' && exit 0\nexit 1\n")
    answer = script("smoke", PYTHON=old)
    assert answer.returncode == 1 and not (tmp_path / ".venv").exists()
    for part in ("Python 3.8.1", "3.11 or newer", "PYTHON=/path/to"):
        assert part in answer.stderr


CALLS = """case "$*" in
-c*) exit 0 ;;
--version) echo Python 3.11.0 ;;
"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python
  printf '#!/bin/sh\necho pip 26.0 from %s/.venv/lib/pip' "$PWD" > .venv/bin/pip
  chmod +x .venv/bin/pip ;;
"-m pip"*) {pip} ;;
*) echo "$*" >> calls ;;
esac
"""


def logging(folder, logged):
    """A Python that writes what it is called with, or else what the shell makes of `logged`."""
    return python(folder, CALLS.replace('echo "$*"', f'echo "{logged}"').format(pip="exit 0"))


def test_a_broken_download_says_to_run_the_same_command_again(script, tmp_path):
    answer = script("setup", PYTHON=python(tmp_path, CALLS.format(pip="exit 1")))
    assert answer.returncode == 1
    assert "torch==" in answer.stderr and "run the same command again" in answer.stderr


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (
            "full --corpus mimic_cxr",
            ["-m mrg_r1_lib.pipeline.pipeline run full --corpus mimic_cxr"],
        ),
        ("list smoke", ["-m mrg_r1_lib.pipeline.pipeline list smoke"]),
        ("final laptop", ["-m mrg_r1_lib.evaluation.final laptop"]),
        ("verify --tables-only", ["-m mrg_r1_lib.pipeline.verify --tables-only"]),
        ("score a.csv", ["-m mrg_r1_lib.evaluation.score a.csv"]),
        ("fetch", ["-m mrg_r1_lib.corpora.iu_fetch"]),
        ("setup", ["-m mrg_r1_lib.corpora.iu_xray"]),
        ("full+qwen3_vl_4b", ["-m mrg_r1_lib.pipeline.pipeline run full+qwen3_vl_4b"]),
        *((scale, [f"-m mrg_r1_lib.pipeline.pipeline run {scale}"]) for scale in SCALES),
    ],
)
def test_a_command_calls_its_module_and_fetches_reports_only_where_it_reads_them(
    script, tmp_path, words, calls
):
    answer = script(*words.split(), PYTHON=logging(tmp_path, "$*"))
    assert answer.returncode == 0, answer.stderr
    made = (tmp_path / "calls").read_text().splitlines()
    assert [call.removeprefix("-P ") for call in made] == calls


def test_an_unknown_command_does_nothing_but_say_so(script, tmp_path):
    for word in ("nonsense", "srl", "", "smoke laptop"):
        answer = script(word)
        assert answer.returncode == 1 and f"Unknown command or scale: {word}." in answer.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_path_of_any_language_works_in_a_shell_without_one(script, tmp_path):
    answer = script(
        "list",
        "smoke",
        "--results",
        "Ergebnisse für Zoë",
        PYTHON=logging(tmp_path, "$* $PYTHONUTF8"),
        LC_ALL="C",
    )
    assert answer.returncode == 0, answer.stderr
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.endswith("list smoke --results Ergebnisse für Zoë 1")


# odd shells and machines


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "else where"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("smoke --results out", "pipeline.pipeline run smoke --results out"),
        ("notebook 00 RESULTS=out", "pipeline.pipeline notebook 00 RESULTS=out"),
        ("final --results out", "evaluation.final --results out"),
        ("verify --into out", "pipeline.verify --into out"),
        ("score a.csv", "evaluation.score a.csv"),
    ],
)
def test_a_relative_path_is_the_callers_and_a_module_never(
    script, tmp_path, elsewhere, words, call
):
    answer = script(*words.split(), cwd=elsewhere, PYTHON=logging(tmp_path, "$PWD $*"))
    assert answer.returncode == 0, answer.stderr
    assert (elsewhere / "calls").read_text() == f"{elsewhere} -P -m mrg_r1_lib.{call}\n"


def test_a_link_to_the_script_and_a_search_path_of_cd_lead_to_its_own_folder(
    script, tmp_path, elsewhere
):
    (elsewhere / "study").symlink_to(tmp_path / "run_all.sh")
    trap = elsewhere / tmp_path.name
    trap.mkdir()
    relative = f"{tmp_path.name}/run_all.sh"
    for path, cwd in ((elsewhere / "study", elsewhere), (relative, tmp_path.parent)):
        shutil.rmtree(tmp_path / ".venv", ignore_errors=True)
        named = {"PYTHON": logging(tmp_path, "$*"), "CDPATH": str(elsewhere)}
        answer = script("setup", path=path, cwd=cwd, **named)
        assert answer.returncode == 0, answer.stderr
        assert (tmp_path / ".venv").exists() and not list(trap.iterdir())


@pytest.mark.parametrize(
    ("data", "expected"), [("~/data", "~/data"), ("data", "{cwd}/data"), ("/data", "/data")]
)
def test_a_data_folder_may_be_relative_or_begin_with_a_quoted_tilde(
    script, tmp_path, elsewhere, data, expected
):
    named = {"PYTHON": logging(tmp_path, "$MRG_R1_DATA"), "MRG_R1_DATA": data}
    assert script("smoke", cwd=elsewhere, **named).returncode == 0
    assert (elsewhere / "calls").read_text() == expected.format(cwd=elsewhere) + "\n"


def test_an_environment_whose_python_is_gone_is_made_anew(script, tmp_path):
    named = {"PYTHON": logging(tmp_path, "$*")}
    assert "Set-up with" in script("smoke", **named).stdout
    assert "Set-up with" not in script("smoke", **named).stdout
    (tmp_path / ".venv/bin/python").unlink()
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / "uninstalled")
    answer = script("smoke", **named)
    assert answer.returncode == 0 and "Set-up with" in answer.stdout, answer.stderr


def test_an_environment_is_kept_for_another_lock_and_made_anew_in_a_copy(script, tmp_path):
    named = {"PYTHON": logging(tmp_path, "$*")}
    assert script("smoke", **named).returncode == 0
    (tmp_path / ".venv" / "of the first").touch()
    with (tmp_path / "requirements.lock").open("a") as lock:
        lock.write("# another line\n")
    assert "Set-up with" in script("smoke", **named).stdout
    assert (tmp_path / ".venv" / "of the first").exists()
    copy = shutil.copytree(tmp_path, tmp_path / "a copy")
    answer = script("smoke", path=copy / "run_all.sh", cwd=copy, **named)
    assert answer.returncode == 0 and "Set-up with" in answer.stdout, answer.stderr
    assert not (copy / ".venv" / "of the first").exists()


def test_pip_installs_into_the_environment_whatever_the_user_told_it(script, tmp_path):
    pip = CALLS.format(pip='echo "$PIP_USER" >> pips')
    assert script("smoke", PYTHON=python(tmp_path, pip), PIP_USER="1").returncode == 0
    *_, first, second, third = (tmp_path / "pips").read_text().splitlines()
    assert first == second == third == "0"


def test_a_kernel_of_another_python_is_not_taken(script, tmp_path, monkeypatch):
    foreign = tmp_path / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/another/python", "-m", "x"], "display_name": "another", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert KernelSpecManager().get_kernel_spec("python3").argv[0] == "/another/python"
    named = {"PYTHON": logging(tmp_path, "$JUPYTER_PATH"), "JUPYTER_PATH": str(tmp_path)}
    assert script("smoke", **named).returncode == 0
    (given,) = (tmp_path / "calls").read_text().splitlines()
    monkeypatch.setenv("JUPYTER_PATH", given.replace(str(tmp_path / ".venv"), sys.prefix))
    own = KernelSpecManager().get_kernel_spec("python3")
    assert own.resource_dir.startswith(sys.prefix)  # its "python" is the one that asks


def test_an_intel_mac_is_told_at_once_what_to_use(script, tmp_path):
    uname = tmp_path / "uname"
    uname.write_text("#!/bin/sh\necho Darwin x86_64\n")
    uname.chmod(0o755)
    answer = script("smoke", PATH=f"{tmp_path}:/usr/bin:/bin", PYTHON=logging(tmp_path, "$*"))
    assert answer.returncode == 1 and "Intel Macs" in answer.stderr
    assert not (tmp_path / ".venv").exists()
