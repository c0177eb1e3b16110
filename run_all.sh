#!/usr/bin/env bash
# The whole study from one command: sets up what is missing (.venv, the pinned packages, the library, the reports), then runs.
set -euo pipefail
case "${MRG_R1_DATA:-/}" in /*) ;; *) export MRG_R1_DATA="$PWD/$MRG_R1_DATA" ;; esac # notebooks run in a folder of their own
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
usage: ./run_all.sh [COMMAND]

  laptop             the default study: every real report of IU X-Ray; about an hour on two cores
  smoke              the whole study, small: about five minutes on two cores
  full               the paper's scale: a published 7B policy, image files, GPUs (README, "On GPUs")
  full --plan        what that needs: parameters, memory, tokens, hours where they were measured; works anywhere
  test               the tests (test -m "not slow": the fast ones)
  list [SCALE]       the steps of the study as commands, in stages
  notebook NAME [KEY=VALUE ...]
                     one notebook, for example: notebook 02_supervised_finetuning SCALE=smoke SEED=1
  lab                JupyterLab
  readme             write the README's numbers anew from results/laptop (readme --check: only say whether they are stale)
  verify             run the default study again in a fresh folder and hold it against the committed results
  verify --tables-only [--scale SCALE]
                     train nothing: are scores, tables and README those of the committed labels and logs? under a minute
  report [SCALE] [--corpus NAME]
                     one page of everything that was made: results/laptop/report.html; seconds, no training
  benchmark          how fast this machine reads, labels, draws, indexes and loads: a table in a minute or so
  setup              only the set-up

laptop, smoke, full and list take --corpus NAME: iu_xray (default: drawn radiographs), iu_xray_files and iu_xray_r2gen (your image files
in one of three layouts), mimic_cxr and mimic_cxr_r2gen (credentialed); README, "Your own files", says where they go.
They also take --seeds K ... (default 0) and --arms ARM ... (what is trained from SFT): laptop --seeds 1 2 --arms srl_mccs sft_continued.

A study that was stopped goes on where it was: run the same command again.
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
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || stop \
    "" "The installation stopped at: pip install $*" \
    "If a download broke or there was no network, run the same command again: what was fetched is kept." \
    "If a package does not match this Python ($("$venv/bin/python" --version)), use Python 3.11: PYTHON=python3.11 ./run_all.sh" \
    "To begin anew: rm -rf .venv"
}

set_up() {
  venv=.venv
  local state
  state=$({ cat requirements.lock pyproject.toml; pwd; } | cksum) # the folder too: an environment does not survive a move
  if [ "$(cat "$venv/installed" 2>/dev/null)" != "$state" ]; then
    local python
    python=$(find_python)
    echo "Set-up with $("$python" --version): a few minutes, once."
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
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
  "$venv/bin/python" -m mrg_r1_lib.corpora.iu_xray >&2
}

command=${1:-laptop}
[ $# -eq 0 ] || shift
case "$command" in
  smoke | laptop | full | test | list | notebook | lab | readme | verify | report | benchmark | setup) ;;
  -h | --help | help) usage; exit 0 ;;
  *) usage >&2; stop "" "Unknown command: $command" ;;
esac

set_up
export TOKENIZERS_PARALLELISM=false
# models and data are on this machine from here on: no library asks a hub, but for a published policy (`full`, or a notebook of it)
case "$command $*" in full* | *SCALE=full*) ;; *) export HF_HUB_OFFLINE=1 ;; esac
# two threads that spin while they wait for each other are three times slower than one on a machine that does other things, too
export GOMP_SPINCOUNT=1000
# glibc otherwise gives every large tensor of a step back to the system and fetches it again, page by page: a training step on
# two cores takes 1.07 s with these two instead of 1.5 s, for half a GiB more memory
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1
python="$venv/bin/python"
case "$command" in
  smoke | laptop | full) exec "$python" -m mrg_r1_lib.pipeline.pipeline run "$command" "$@" ;;
  list) exec "$python" -m mrg_r1_lib.pipeline.pipeline list "$@" ;;
  notebook) exec "$python" -m mrg_r1_lib.pipeline.pipeline notebook "$@" ;;
  test) exec "$python" -m pytest "$@" ;;
  lab) exec "$python" -m jupyterlab --notebook-dir=. notebooks "$@" ;;
  readme) exec "$python" -m mrg_r1_lib.reporting.readme "$@" ;;
  verify) exec "$python" -m mrg_r1_lib.pipeline.verify "$@" ;;
  report) exec "$python" -m mrg_r1_lib.reporting.documents.report "$@" ;;
  benchmark) exec "$python" tests/benchmark.py "$@" ;;
  setup) echo "Ready." ;;
esac
