#!/usr/bin/env bash
# All that only a GPU can show, by one command on a fresh clone: tests/on_gpu.sh [POLICY ...] (default: Qwen2.5-VL-3B and 7B).
# No weights are downloaded. What it measures is saved in results/benchmarks/ and results/runs/gpu/, one file a step, so that a
# run that was stopped goes on where it was. Not run yet: it was written where no GPU was at hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
step() { # NAME COMMAND...: once, its output kept
  local log="results/runs/gpu/$1.log"
  shift
  [ -f "$log" ] && echo "finished before: $log" && return
  mkdir -p results/runs/gpu
  echo "$*"
  "$@" 2>&1 | tee "$log.partial"
  mv "$log.partial" "$log"
}
policies=("$@")
[ $# -gt 0 ] || policies=(qwen25_vl_3b qwen25_vl_7b)

./run_all.sh setup
.venv/bin/python -c 'import torch; assert torch.cuda.is_available(), "no GPU is visible here"; print(torch.cuda.get_device_name())'
step torchvision .venv/bin/pip install --quiet "torchvision==0.28.0" # Qwen's processors; its build belongs to the CUDA build of torch

step plan ./run_all.sh full --plan
step processes ./run_all.sh test tests/test_processes.py tests/test_architectures.py -q

# a step of SRL: groups of 8, completions of 512 tokens, LoRA; then one change at a time, to see what makes it faster
for policy in "${policies[@]}"; do
  timed=(.venv/bin/python -m mrg_r1_lib.benchmarks.benchmark srl --policy "$policy" --group-size 8 --completion-length 512)
  step "srl_$policy" "${timed[@]}" --steps 20
  step "srl_${policy}_micro_batch_8" "${timed[@]}" --steps 5 --micro-batch 8
  step "srl_${policy}_micro_batch_16" "${timed[@]}" --steps 5 --micro-batch 16
  step "srl_${policy}_keep_activations" "${timed[@]}" --steps 5 --keep-activations
  step "srl_${policy}_eight_studies" "${timed[@]}" --steps 5 --studies 8 --results results/runs/gpu # twice the completions
done
step plan_measured ./run_all.sh full --plan

# the laptop's study on the GPU, notebooks by papermill, held against the committed results by their intervals
step verify ./run_all.sh verify --into results/runs/gpu/verify
