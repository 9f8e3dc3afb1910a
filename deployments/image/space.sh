#!/bin/sh
# What the space image runs: all services under supervisord, or `probe`: is the gateway ready?
# Hugging Face sets SPACE_ID; the port that README.md's app_port names is used there, 8000 elsewhere.
set -eu
if [ -n "${SPACE_ID:-}" ]; then default=7860; else default=8000; fi
export PORT="${PORT:-$default}"
if [ "${1:-}" = probe ]; then
  exec python -m sqlenv.probe "http://127.0.0.1:$PORT/ready"
fi
# The only place that is written to, a tmpfs where the root file system is read-only: sockets.
export RUN_DIR="${RUN_DIR:-/tmp/sqlenv}"
mkdir -p "$RUN_DIR"
exec supervisord -c /app/supervisord.conf
