# Sourced by the other scripts: one target directory outside the clone, shared by everything that builds.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${SLOTH_CACHE:-$HOME/.cache/sloth}/target}"
