#!/usr/bin/env bash
# All that only a GPU can show, by one command on a fresh clone: tests/on_gpu.sh [GROUP ...] (groups of benchmarks/gpu_items.py).
# tests/on_gpu.sh --rehearse does the same on a CPU with tiny policies and without `verify`, in a few minutes.
# No weights are downloaded. A step that has finished is not repeated: its log is in results/runs/gpu/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=results/runs/gpu results=results rehearse=""
if [ "${1:-}" = --rehearse ]; then
  shift
  out=results/runs/gpu_rehearsal results=$out rehearse=--rehearse
  export CUDA_VISIBLE_DEVICES=""
  rm -rf "$out"
fi

step() { # NAME COMMAND...: once, its output kept; one that fails is named at the end
  local log="$out/$1.log"
  shift
  [ ! -f "$log" ] || { echo "finished before: $log"; return; }
  mkdir -p "$out"
  echo "$*"
  if "$@" 2>&1 | tee "$log.partial"; then mv "$log.partial" "$log"; else failed+=("$log.partial"); fi
}
failed=()

./run_all.sh setup
python=.venv/bin/python
groups=("$@")
[ $# -gt 0 ] || read -ra groups < <(PYTHONPATH=tests/benchmarks $python -c 'from gpu_items import GROUPS; print(*GROUPS)')
[ -n "$rehearse" ] || $python -c 'import torch; assert torch.cuda.is_available(), "no GPU is visible here"; print(torch.cuda.get_device_name())'

# Qwen's processors need torchvision, the library does not: a folder of its own, which the tests use, too
torchvision=${MRG_R1_DATA:-data}/torchvision-0.28.0
[ -d "$torchvision" ] || { $python -m pip install --quiet --no-deps --target "$torchvision.partial" torchvision==0.28.0 && mv "$torchvision.partial" "$torchvision"; }

step plan ./run_all.sh full --plan
measure=(env HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false PYTHONPATH="$torchvision" timeout 1200
  "$python" tests/benchmarks/gpu_measurements.py measure --out "$out" ${rehearse:+"$rehearse"} --group)
if [ -n "$rehearse" ]; then
  step measurements "${measure[@]}" "${groups[@]}"
else
  for group in "${groups[@]}"; do step "$group" "${measure[@]}" "$group"; done # a process each: one that fails stops no other
fi
step table $python tests/benchmarks/gpu_measurements.py table --out "$out" --results "$results"

gpus=$($python -c 'import torch; print(torch.cuda.device_count())')
hidden=()
[ "$gpus" != 1 ] || hidden=(env CUDA_VISIBLE_DEVICES=) # two processes need two GPUs, or none
step processes "${hidden[@]}" ./run_all.sh test tests/test_processes.py -q
step architectures ./run_all.sh test tests/test_architectures.py -q ${rehearse:+-k "llava_clip and lora"}

# the study of scale laptop on the GPU, by papermill; its scores are held against the committed intervals
[ -n "$rehearse" ] || step verify ./run_all.sh verify --into "$out/verify"
[ ${#failed[@]} = 0 ] || { printf 'failed: %s\n' "${failed[@]}"; exit 1; }
