#!/usr/bin/env bash
# The whole study from one command: it sets up what is missing (.venv, the pinned packages), then runs.
set -euo pipefail
# notebooks run in a folder of their own; a tilde that came in quotes is the library's to read
case "${MRG_R1_DATA:-/}" in /* | \~*) ;; *) export MRG_R1_DATA="$PWD/$MRG_R1_DATA" ;; esac
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

# the names of scales.SCALES: a line each
scales=$(sed -n '/^SCALES = {/,/^}/s/^    "\([^"]*\)":.*/\1/p' mrg_r1_lib/scales.py)

usage() {
  local names
  names=$(tr '\n' ' ' <<<"$scales")
  cat <<TEXT
usage: ./run_all.sh [COMMAND]

  SCALE              the study at a scale, one of: $names(laptop is the default)
  SCALE --plan       what that needs: parameters, GPU memory, disk; works anywhere
  test               import contracts, linter and tests (test -m "not slow": the fast ones)
  list [SCALE]       the steps of the study as commands, in stages
  notebook NAME [KEY=VALUE ...]
                     one notebook, for example: notebook 02_supervised_finetuning SCALE=smoke SEED=1
  final [SCALE]      score every run of a study on the test split, once
  verify [--scale SCALE]
                     run seed 0 again with the present code and compare it with the committed results
  verify --tables-only [--scale SCALE]
                     train nothing: are scores and tables those of the committed labels and logs?
  score FILE [FILE]  score anybody's reports, or compare two files of them (score --help)
  readme             write the documents' numbers anew (readme --check: only say whether they are stale)
  benchmark          how fast this machine reads, labels, draws, indexes and loads
  benchmark srl [--policy NAME ...]
                     seconds and memory of a step of SRL on random weights, part by part (benchmark srl --help)
  lab                JupyterLab
  fetch              Open-i's archive of the real radiographs, with their reports, for --corpus iu_xray_files
  setup              only the set-up, with the reports of IU X-Ray (29 MB) where they can be fetched

A SCALE and list take --corpus NAME: iu_xray (default: drawn radiographs), lesson (made up; scale lesson's default),
iu_xray_files, iu_xray_two_views and iu_xray_r2gen (image files in one of three layouts: yours, or what fetch
brings), mimic_cxr and mimic_cxr_r2gen (credentialed); SETUP.md says where they go. They also take --policy NAME
(another one than the scale's, in a results folder of its own), --seeds K ..., --arms ARM ... (what is trained from
SFT), --results FOLDER (default: results), and --final (score the test split at the end).

A study that was stopped goes on where it was: run the same command again. SCALE --fresh repeats finished steps.
PYTHON=/path/to/python3.12 names the Python that the set-up uses; MRG_R1_DATA=/path names another data folder.
TEXT
}

stop() { printf '%s\n' "$@" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
    [ -z "${PYTHON:-}" ] || stop "PYTHON=$PYTHON is no Python 3.11 or newer: $("$PYTHON" --version 2>&1 || true)." \
      "Name another one: PYTHON=/path/to/python3.12 ./run_all.sh"
  done
  stop "The study needs Python 3.11 or newer; found: $(python3 --version 2>&1 || echo none)." \
    "Install one (python.org, your system's packages, or conda with environment.yml), or name it:" \
    "PYTHON=/path/to/python3.12 ./run_all.sh"
}

install() {
  PIP_USER=0 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || stop \
    "" "The installation stopped at: pip install $*" \
    "If a download broke or there was no network, run the same command again: what was fetched is kept." \
    "If a package does not match this Python ($("$venv/bin/python" --version)), use Python 3.11: PYTHON=python3.11 ./run_all.sh" \
    "To begin anew: rm -rf .venv"
}

set_up() {
  venv=.venv
  local state
  state=$({ cat requirements.lock pyproject.toml; pwd; } | cksum) # the folder too: an environment does not survive a move
  if [ "$(cat "$venv/installed" 2>/dev/null)" != "$state" ] || ! "$venv/bin/python" -c "" 2>/dev/null; then
    local python
    [ "$(uname -sm)" != "Darwin x86_64" ] || stop "PyTorch has no wheels for Intel Macs any more. Use the container: TROUBLE.md, Set-up."
    python=$(find_python)
    echo "Set-up with $("$python" --version): a few minutes, once."
    # broken, moved or copied: pip's first line names the folder that it was made in
    if ! "$venv/bin/python" -c "" 2>/dev/null || ! "$venv/bin/pip" --version 2>/dev/null | grep -qF " $PWD/$venv/"; then
      rm -rf "$venv"
      "$python" -m venv "$venv" || { rm -rf "$venv"; stop "$python could not make a virtual environment." \
        "On Debian and Ubuntu install its venv package (apt-get install python3-venv), then run the same command again."; }
    fi
    echo "1/3 torch"
    install "$(grep '^torch==' requirements.lock)"
    echo "2/3 the other packages of requirements.lock"
    install --requirement requirements.lock
    echo "3/3 the library"
    install --no-deps --no-build-isolation --editable .
    echo "$state" > "$venv/installed"
  fi
}

# a study fetches the reports itself, if its corpus is IU X-Ray
reports() { "$python" -m mrg_r1_lib.corpora.iu_xray >&2; }

command=${1-laptop}
[ $# -eq 0 ] || shift
case "$command" in
  test | list | notebook | final | verify | score | readme | benchmark | lab | fetch | setup) ;;
  -h | --help | help) usage; exit 0 ;;
  *) grep -qxF -- "${command%%+*}" <<<"$scales" || stop "Unknown command or scale: $command. Scales: $(tr '\n' ' ' <<<"$scales")(the paper's size is full)." \
    "All commands: ./run_all.sh --help" ;;
esac

set_up
export TOKENIZERS_PARALLELISM=false
export PYTHONUTF8=1 # paths and texts are UTF-8, whatever LANG says
# two threads that spin while they wait for each other are three times slower than one on a machine that does other things, too
export GOMP_SPINCOUNT=1000
# glibc otherwise gives every large tensor of a step back to the system and fetches it again, page by page: a training step on
# two cores takes 1.07 s with these two instead of 1.5 s, for half a GiB more memory
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1
# another Python's kernel of the same name does not have the packages
export JUPYTER_PATH="$PWD/$venv/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"
python="$PWD/$venv/bin/python"
here() { cd "$OLDPWD" && exec "$python" -P -m "$@"; } # FILE and FOLDER are relative to where the user is
case "$command" in
  list | notebook) here mrg_r1_lib.pipeline.pipeline "$command" "$@" ;;
  final) here mrg_r1_lib.evaluation.final "$@" ;;
  verify) here mrg_r1_lib.pipeline.verify "$@" ;;
  score) here mrg_r1_lib.evaluation.score "$@" ;;
  readme) exec "$python" -m mrg_r1_lib.reporting.pages "$@" ;;
  benchmark)
    [ "${1:-}" != srl ] || exec "$python" tests/benchmarks/gpu_measurements.py "$@"
    reports
    exec "$python" tests/benchmark.py "$@"
    ;;
  lab) reports || true; exec "$python" -m jupyterlab --notebook-dir=. notebooks "$@" ;;
  fetch) exec "$python" -m mrg_r1_lib.corpora.iu_fetch "$@" ;;
  setup) reports || true; echo "Ready." ;;
  test)
    reports
    "$venv/bin/lint-imports"
    "$python" -m ruff check
    export HF_HUB_OFFLINE=1
    exec "$python" -m pytest "$@"
    ;;
  *) here mrg_r1_lib.pipeline.pipeline run "$command" "$@" ;;
esac
