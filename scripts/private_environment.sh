# Finds a Python for the developers' commands and has private_environment.py make the environment.
# Sourced by scripts/convfix and scripts/check; POSIX sh. It prints its answer (nothing, or one word
# that says why not) on stdout; talk goes to stderr. It never asks a person anything and installs no Python
# except through a uv that is already there.

nl='
'

# What a Python answers: its own real path, which is not the path of a shim; status 3 when it is too old.
ask_python='import sys
if sys.version_info < (3, 10) or sys.implementation.name != "cpython":
    sys.exit(3)
sys.stdout.write("\nconvfix:" + sys.executable + "\nx")'

# candidates: one name or path a line, best first. Names are looked up on PATH.
candidates() {
    printf '%s\n' python3 python3.12 python3.13 python3.11 python3.10 python3.14 python \
        /usr/bin/python3 /usr/local/bin/python3 /opt/python/bin/python3
    for place in "${PYENV_ROOT:-${HOME-}/.pyenv}"/versions/3.1[0-9]*/bin/python3; do
        [ ! -x "$place" ] || printf '%s\n' "$place"
    done
}

# real_python NAME: sets "python" to the real path of a Python that is new enough.
real_python() {
    command -v "$1" >/dev/null 2>&1 || return 1
    # A noisy sitecustomize may print first: only what follows our mark counts.
    python=$("$1" -E -c "$ask_python" </dev/null 2>/dev/null) || return 1
    python=${python##*convfix:}
    python=${python%"${nl}x"}
    [ -x "$python" ]
}

find_uv() {
    for uv in uv "${HOME-}/.local/bin/uv" "${HOME-}/.cargo/bin/uv"; do
        if command -v "$uv" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

# make_environment ROOT EXTRA FOLDER...: makes an environment for setup.cfg's requirements (and EXTRA's)
# in the first FOLDER that can be written to. Prints one word and returns 1 when it cannot.
make_environment() {
    answer=no-python
    tried=:
    # Read from a here-document: a pipe's loop would lose "answer" in its subshell.
    while IFS= read -r candidate; do
        real_python "$candidate" || continue
        case $tried in *":$python:"*) continue ;; esac
        tried=$tried$python:
        if run_maker "$python" "$@"; then return 0; fi
        [ "$answer" = no-pip ] || { printf '%s' "$answer"; return 1; }
    done <<END
$(candidates)
END
    if [ "$answer" = no-python ] && find_uv; then
        python=$("$uv" python find '>=3.10' </dev/null 2>/dev/null) ||
            { "$uv" python install 3.12 </dev/null >&2 && python=$("$uv" python find 3.12 </dev/null); } || python=
        if [ -n "$python" ] && run_maker "$python" "$@"; then return 0; fi
    fi
    printf '%s' "$answer"
    return 1
}

run_maker() {
    maker=$1
    shift
    status=0
    "$maker" -E "$1/scripts/private_environment.py" "$@" </dev/null >&2 || status=$?
    case $status in
        0) return 0 ;;
        75) answer=no-pip ;;
        73) answer=no-place ;;
        130) answer=interrupted ;;
        *) answer=failed ;;
    esac
    return 1
}

# install_pip_line: the one line a person runs where Python came without pip.
install_pip_line() {
    for pair in 'apt-get:sudo apt install python3-venv' 'dnf:sudo dnf install python3-pip' \
        'zypper:sudo zypper install python3-pip' 'pacman:sudo pacman -S python-pip' 'apk:sudo apk add py3-pip'; do
        if command -v "${pair%%:*}" >/dev/null 2>&1; then
            printf 'run: %s' "${pair#*:}"
            return
        fi
    done
    printf 'install pip for this Python, then run this again'
}
