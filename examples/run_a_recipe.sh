#!/usr/bin/env bash
# A recipe from the command line: every value can be overridden, every part swapped.
# Run it: bash examples/run_a_recipe.sh [FOLDER]
set -euo pipefail
folder=${1:-affectkit-example}

affectkit demo --out "$folder" --conversations 30
affectkit shards info "$folder/features"
affectkit fit --config recipe:erc_curriculum_tiny --runs "$folder/runs" \
    --data.init_args.root "$folder/features" \
    --data.init_args.curriculum null \
    --model.init_args.context_model dialogue_rnn \
    --trainer.max_epochs 2
affectkit test --config recipe:erc_curriculum_tiny --runs "$folder/runs" \
    --data.init_args.root "$folder/features" \
    --data.init_args.curriculum null \
    --model.init_args.context_model dialogue_rnn \
    --ckpt_path best
affectkit report "$folder/runs/erc_curriculum_tiny/latest"
