#!/usr/bin/env bash
# Make .venv with armlet and its tools, and install the system packages for cross compiling and emulating.
# Quick when there is nothing to do. What cannot be installed is said in one line.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64) ;;
    *) fail "armlet runs on Linux on x86-64 or ARM64, this is $(uname -s) on $(uname -m)" ;;
esac

# Install packages of the distribution; what went wrong is left in .setup.log.
install() {
    local apt="sudo -n apt-get"
    if [ "$(id -u)" = 0 ]; then apt="apt-get"; fi
    echo "setup: installing $*"
    { DEBIAN_FRONTEND=noninteractive $apt update -qq &&
        DEBIAN_FRONTEND=noninteractive $apt install -y -qq --no-install-recommends "$@"; } >.setup.log 2>&1 &&
        rm -f .setup.log
}

# package: how to tell that it is there
missing=()
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
command -v python3 >/dev/null || missing+=(python3)
command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
command -v aarch64-linux-gnu-g++ >/dev/null || missing+=(g++-aarch64-linux-gnu)
command -v c++ >/dev/null || missing+=(g++)
if [ "${#missing[@]}" -gt 0 ] && ! install "${missing[@]}"; then
    echo "setup: could not install ${missing[*]} (see .setup.log); as root: apt-get install ${missing[*]}" >&2
fi

python=$(command -v python3 || true)
[ -n "$python" ] || fail "python3 is missing: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is needed, this is $("$python" -V): install a newer python3"

# Whatever decides what belongs into .venv: when it changes, the environment is brought up to date.
stamp=.venv/.made-of
wanted=$(cat pyproject.toml scripts/setup.sh | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "setup: making .venv"
    [ -x .venv/bin/python ] || "$python" -m venv .venv || fail "no virtual environment: apt-get install python3-venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' ||
        fail "pip could not install armlet's requirements"
    # The type checker needs a folder in which the root is called armlet.
    mkdir -p .venv/tree
    ln -sfn ../.. .venv/tree/armlet
    # Not every distribution has it, and only models of out-of-order cores need it.
    command -v llvm-mca-22 >/dev/null || install llvm-22 ||
        echo "setup: llvm-mca 22 is not to be had here: out-of-order cores are not modelled (see apt.llvm.org)" >&2
    # Boards and phones are reached by these. A server for ssh, which the tests of ssh:// want, is not put on
    # anybody's machine unasked: it would listen to the world.
    command -v adb >/dev/null && command -v ssh >/dev/null || install adb openssh-client ||
        echo "setup: adb or ssh is not to be had here: no adb: and ssh:// devices" >&2
    [ -z "${CI:-}" ] || [ -x /usr/sbin/sshd ] || install openssh-server ||
        echo "setup: openssh-server is not to be had here: ssh:// devices are not tested" >&2
    echo "$wanted" >"$stamp"
fi
