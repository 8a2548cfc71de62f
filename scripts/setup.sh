#!/usr/bin/env bash
# Makes the virtual environment and installs xlpl with all it needs.
#
#   scripts/setup.sh VENV      VENV: the folder to make or to bring up to date
#
# $PYTHON chooses the interpreter (3.11 or 3.12); otherwise the first fitting one of the PATH is taken.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/debian.sh
venv=$1

fits() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3}; do
    if fits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  {
    echo "setup: no Python 3.11 or 3.12 with venv found (looked for: ${PYTHON:-python3.11 python3.12 python3})"
    echo "  On Debian: apt-get install python3-venv. Another interpreter: make PYTHON=/path/to/python3.11"
  } >&2
  return 1
}

# kenlm and docopt come as source; kenlm is a C++ extension and needs Python.h, which bare Debian lacks.
borrow_headers() {
  local python=$1 include
  include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [ ! -e "$include/Python.h" ] || return 0
  echo "setup: no Python.h on this machine, unpacking Debian's into a temporary folder"
  headers=$(mktemp -d)
  trap 'rm -rf "$headers"' EXIT
  local version
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  unpack_debian "$headers" "libpython$version-dev" "libpython$version-dev" || {
    echo "setup: Python's headers are missing; on Debian: apt-get install python3-dev" >&2
    return 1
  }
  export CPATH="$headers/usr/include/python$version:$headers/usr/include${CPATH:+:$CPATH}"
}

if [ ! -x "$venv/bin/python" ]; then
  python=$(find_python)
  echo "setup: virtual environment $venv ($("$python" --version))"
  "$python" -m venv "$venv"
fi
borrow_headers "$venv/bin/python"
echo "setup: installing xlpl and its dependencies (several GB, a few minutes the first time)"
"$venv/bin/python" -m pip install -q --disable-pip-version-check -e '.[dev]'
if ! { command -v lmplz && command -v build_binary; } >/dev/null; then
  # Without lmplz all works, with kaldingram in its place; the script has said so.
  scripts/build_kenlm.sh "$venv/bin/python" || true
fi
