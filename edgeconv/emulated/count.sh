#!/bin/sh
# edgeconv-count PROGRAM [ARGUMENT ...]: runs an arm64 program where its instructions are counted.
counter=/opt/edgeconv-counter
program=$(command -v "$1") || { echo "edgeconv-count: no program $1" >&2; exit 127; }
shift
export EDGECONV_COUNTER=1
exec "$counter/loader" --library-path "$counter" "$counter/qemu-aarch64" \
  -plugin "$counter/counter.so" "$program" "$@"
