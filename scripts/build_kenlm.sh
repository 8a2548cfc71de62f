#!/usr/bin/env bash
# Builds KenLM's `lmplz` and `build_binary` from the kenlm source distribution and installs them beside a Python.
#
#   scripts/build_kenlm.sh [PYTHON]      PYTHON: the virtual environment's python (default: python3)
#
# Needs a C++ compiler. cmake comes from PyPI if it is absent; Boost comes from Debian's packages, unpacked into a
# temporary folder (no root, nothing installed on the system) and linked statically, so that the programs stand alone.
# Where they go: $XLPL_KENLM_BIN, or the folder bin of PYTHON's sys.prefix. Nothing is done if they are there already.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/debian.sh"
python=${1:-python3}
boost_packages=(libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev)

give_up() {
  {
    echo "build_kenlm: cannot build lmplz: $1"
    echo "  xlpl lm then estimates with kaldingram (pure Python, slower, same kind of model) and says so."
    [ -z "${log:-}" ] || { echo "  The last lines of the build:"; tail -n 15 "$log" | sed 's/^/    /'; }
  } >&2
  exit 1
}

# One cmake run; "$@" tells it where Boost is. unit_test_framework is asked for by KenLM's CMakeLists, not linked in.
configure() {
  "$cmake" -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
    -DBoost_USE_STATIC_LIBS=ON "$@" >>"$log" 2>&1
}

command -v "$python" >/dev/null || give_up "no such Python: $python"
target=${XLPL_KENLM_BIN:-$("$python" -c 'import sys; print(sys.prefix)')/bin}
if [ -x "$target/lmplz" ] && [ -x "$target/build_binary" ]; then
  echo "build_kenlm: $target already has lmplz and build_binary"
  exit 0
fi
command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || give_up "no C++ compiler; on Debian: apt-get install g++"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
: >"$log"

cmake=$(command -v cmake || true)
if [ -z "$cmake" ]; then
  "$python" -m pip install -q cmake >>"$log" 2>&1 || give_up "no cmake, and pip could not install it"
  cmake=$("$python" -c 'import sys; print(sys.prefix)')/bin/cmake
fi

# The same version as the installed query library, so that binaries and reader agree.
version=$("$python" -c 'from importlib.metadata import version; print("==" + version("kenlm"))' 2>/dev/null || echo '>=0.3,<0.4')
echo "build_kenlm: fetching the kenlm$version source"
"$python" -m pip download -q --no-binary kenlm --no-deps -d "$work" "kenlm$version" >>"$log" 2>&1 ||
  give_up "pip could not download the kenlm source distribution"
tar -xzf "$work"/kenlm-*.tar.gz -C "$work"
source=$(find "$work" -maxdepth 1 -type d -name 'kenlm-*')

if ! configure; then
  echo "build_kenlm: no Boost on this machine, unpacking Debian's into a temporary folder"
  unpack_debian "$work/boost" 'libboost.*-dev' "${boost_packages[@]}" >>"$log" 2>&1 || give_up "no Boost from Debian's packages"
  rm -rf "$work/build"
  libraries=$(dirname "$(find "$work/boost" -name libboost_thread.a | head -n 1)")
  configure -DBoost_NO_BOOST_CMAKE=ON -DCMAKE_POLICY_DEFAULT_CMP0167=OLD -DBOOST_INCLUDEDIR="$work/boost/usr/include" \
    -DBOOST_LIBRARYDIR="$libraries" || give_up "cmake failed"
fi
echo "build_kenlm: compiling (a minute or two)"
"$cmake" --build "$work/build" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" --target lmplz build_binary \
  >>"$log" 2>&1 || give_up "the compiler failed"
printf 'a b c\na b\nc a b\n' | "$work/build/bin/lmplz" -o 2 --discount_fallback >/dev/null 2>>"$log" ||
  give_up "the lmplz that was built does not run"
mkdir -p "$target"
install -m 755 "$work/build/bin/lmplz" "$work/build/bin/build_binary" "$target/"
echo "build_kenlm: installed lmplz and build_binary into $target"
