# Sourced by the other scripts: files of Debian packages for any user, and packages for the system where root asks.

# private_apt DIR COMMAND...: apt with lists and cache of its own, so that stale or empty lists of the machine do no harm.
private_apt() {
  local folder=$1 command=$2
  shift 2
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  "$command" -qq -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" \
    -o "APT::Sandbox::User=$(id -un)" -o Acquire::Retries=2 "$@"
}

# unpack_debian DIR PATTERN PACKAGE...: unpacks into DIR the packages and, of all they depend on, those whose names
# match the regular expression PATTERN. Says on stderr why not, and fails.
unpack_debian() {
  local target=$1 pattern=$2 folder names package
  shift 2
  command -v apt-get >/dev/null || { echo "no apt-get on this machine" >&2; return 1; }
  folder=$(mktemp -d)
  private_apt "$folder" apt-get update &&
    names=$(private_apt "$folder" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
      --no-replaces --no-enhances "$@" | grep -E "^($pattern)\$" | sort -u) &&
    (cd "$folder" && private_apt "$folder" apt-get download $names) || { rm -rf "$folder"; return 1; }
  mkdir -p "$target"
  for package in "$folder"/*.deb; do
    dpkg -x "$package" "$target" || { rm -rf "$folder"; return 1; }
  done
  rm -rf "$folder"
}

# install_debian PACKAGE...: installs them on the system, as root. Says on stderr why not, and fails.
install_debian() {
  local folder status=0
  command -v apt-get >/dev/null || { echo "no apt-get on this machine" >&2; return 1; }
  folder=$(mktemp -d)
  private_apt "$folder" apt-get update &&
    DEBIAN_FRONTEND=noninteractive private_apt "$folder" apt-get install -y --no-install-recommends "$@" || status=1
  rm -rf "$folder"
  return $status
}
