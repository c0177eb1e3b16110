"""The set-up: three files name the packages, and run_all.sh says what is wrong before it works."""

import re
import subprocess
import tomllib

from mrg_r1_lib.storage.paths import REPOSITORY

LOCK = dict(
    re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line).groups()
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
)
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_that_the_project_names_is_pinned_in_the_lock():
    named = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
    pinned = {canonical(name) for name in LOCK}
    assert not [name for name in named if canonical(name) not in pinned]
    assert "setuptools" in pinned  # builds the library without a download


def test_the_lock_installs_on_a_cuda_machine_too():
    assert not [name for name, version in LOCK.items() if "+" in version]
    assert not [name for name in LOCK if name.startswith(("nvidia-", "triton", "torchvision"))]


def test_conda_takes_the_same_lock_and_python():
    environment = (REPOSITORY / "environment.yml").read_text()
    assert "- -r requirements.lock" in environment
    (python,) = re.findall(r"python=3\.(\d+)", environment)
    (floor,) = re.findall(r">=3\.(\d+)", PROJECT["project"]["requires-python"])
    assert int(python) >= int(floor)
    assert f"(3, {floor})" in (REPOSITORY / "run_all.sh").read_text()


def copy_of_script(folder, **files):
    for name in ("run_all.sh", "requirements.lock", "pyproject.toml"):
        (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    (folder / "run_all.sh").chmod(0o755)
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder / "run_all.sh"


def call(script, *arguments, **environment):
    return subprocess.run(
        [script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


def test_an_old_python_is_named_with_what_to_do(tmp_path):
    old = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.8.1' && exit 0\nexit 1\n"
    script = copy_of_script(tmp_path, old_python=old)
    answer = call(script, "smoke", PYTHON=str(tmp_path / "old_python"))
    assert answer.returncode == 1
    assert (
        "Python 3.8.1" in answer.stderr
        and "3.11 or newer" in answer.stderr
        and "PYTHON=/path/to" in answer.stderr
    )
    assert not (tmp_path / ".venv").exists()


def test_a_broken_download_says_to_run_the_same_command_again(tmp_path):
    broken = (
        '#!/bin/sh\ncase "$*" in\n-c*) exit 0 ;;\n--version) echo Python 3.11.0 ;;\n'
        '*venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;\n*pip*) exit 1 ;;\nesac\n'
    )
    script = copy_of_script(tmp_path, python_without_network=broken)
    answer = call(script, "setup", PYTHON=str(tmp_path / "python_without_network"))
    assert answer.returncode == 1
    assert "torch==" in answer.stderr and "run the same command again" in answer.stderr


def test_an_unknown_command_does_nothing_but_say_so(tmp_path):
    answer = call(copy_of_script(tmp_path), "nonsense")
    assert answer.returncode == 1 and "nonsense" in answer.stderr
    assert not (tmp_path / ".venv").exists()
