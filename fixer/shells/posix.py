"""The activation script for bash, zsh and sh: one text that all three read alike.

It uses what POSIX gives and nothing that depends on word splitting, which zsh does not do. It holds
under ``set -eu``. Saved values are shell variables and not exported: a child shell inherits the
variables themselves and has nothing to take back.
"""

from __future__ import annotations

from collections.abc import Mapping

HEAD = """\
# convfix activation @KEY@: source this file in bash, zsh or sh; convfix_deactivate takes it back.
if command -v _convfix_off_@KEY@ >/dev/null 2>&1; then _convfix_off_@KEY@; fi
"""

SAVE = """\
if [ -n "${@V@+x}" ]; then
    _CONVFIX_HAD_@KEY@_@V@=1
    _CONVFIX_WAS_@KEY@_@V@="$@V@"
else
    _CONVFIX_HAD_@KEY@_@V@=0
    _CONVFIX_WAS_@KEY@_@V@=
fi
"""

# An element is kept when it is absolute and not there yet: the loader takes an empty one for the current folder.
PREPEND = """\
_convfix_new=@FOLDERS@
_convfix_rest="${@V@-}:"
while [ -n "$_convfix_rest" ]; do
    _convfix_one="${_convfix_rest%%:*}"
    _convfix_rest="${_convfix_rest#*:}"
    case "$_convfix_one" in
        /*)
@DROP@            case ":$_convfix_new:" in
                *":$_convfix_one:"*) ;;
                *) _convfix_new="${_convfix_new:+$_convfix_new:}$_convfix_one" ;;
            esac ;;
    esac
done
_CONVFIX_NOW_@KEY@_@V@="$_convfix_new"
if [ -n "$_convfix_new" ] || [ "$_CONVFIX_HAD_@KEY@_@V@" = 1 ]; then export @V@="$_convfix_new"; fi
unset _convfix_new _convfix_rest _convfix_one
"""

_DROP = """\
            case @DROPPED@ in
                *":${_convfix_one%/}:"*) continue ;;
            esac
"""

SET = """\
_CONVFIX_NOW_@KEY@_@V@=@VALUE@
export @V@="$_CONVFIX_NOW_@KEY@_@V@"
"""

UNSET = """\
unset @V@
"""

RESTORE = """\
if [ "$_CONVFIX_HAD_@KEY@_@V@" = 1 ]; then
    export @V@="$_CONVFIX_WAS_@KEY@_@V@"
else
    unset @V@
fi
"""

# Changed by somebody since: only our folders go, and not those that were there before us.
OFF_PREPEND = """\
if [ -n "${@V@+x}" ]; then
    if [ "$@V@" = "$_CONVFIX_NOW_@KEY@_@V@" ]; then
@RESTORE@
    else
        _convfix_new=
        _convfix_rest="$@V@:"
        while [ -n "$_convfix_rest" ]; do
            _convfix_one="${_convfix_rest%%:*}"
            _convfix_rest="${_convfix_rest#*:}"
            case "$_convfix_one" in
                /*)
                    case ":$_CONVFIX_WAS_@KEY@_@V@:" in
                        *":$_convfix_one:"*) ;;
                        *)
                            case @OURS@ in
                                *":$_convfix_one:"*) continue ;;
                            esac ;;
                    esac
                    case ":$_convfix_new:" in
                        *":$_convfix_one:"*) ;;
                        *) _convfix_new="${_convfix_new:+$_convfix_new:}$_convfix_one" ;;
                    esac ;;
            esac
        done
        if [ -n "$_convfix_new" ] || [ "$_CONVFIX_HAD_@KEY@_@V@" = 1 ]; then
            export @V@="$_convfix_new"
        else
            unset @V@
        fi
        unset _convfix_new _convfix_rest _convfix_one
    fi
fi
"""

OFF_SET = """\
if [ -n "${@V@+x}" ] && [ "$@V@" = "$_CONVFIX_NOW_@KEY@_@V@" ]; then
@RESTORE@
fi
"""

OFF_UNSET = """\
if [ -z "${@V@+x}" ] && [ "$_CONVFIX_HAD_@KEY@_@V@" = 1 ]; then
    export @V@="$_CONVFIX_WAS_@KEY@_@V@"
fi
"""

FORGET = """\
unset _CONVFIX_HAD_@KEY@_@V@ _CONVFIX_WAS_@KEY@_@V@ _CONVFIX_NOW_@KEY@_@V@
"""

TAIL = """\
_CONVFIX_ACTIVE="@KEY@${_CONVFIX_ACTIVE:+ $_CONVFIX_ACTIVE}"
_convfix_off_@KEY@() {
@OFF@
    _convfix_left=
    _convfix_rest="$_CONVFIX_ACTIVE "
    while [ -n "$_convfix_rest" ]; do
        _convfix_one="${_convfix_rest%% *}"
        _convfix_rest="${_convfix_rest#* }"
        if [ "$_convfix_one" != @KEY@ ]; then _convfix_left="${_convfix_left:+$_convfix_left }$_convfix_one"; fi
    done
    _CONVFIX_ACTIVE="$_convfix_left"
    unset _convfix_left _convfix_rest _convfix_one
    if [ -z "$_CONVFIX_ACTIVE" ]; then unset _CONVFIX_ACTIVE; unset -f convfix_deactivate; fi
    unset -f _convfix_off_@KEY@
}
convfix_deactivate() {
    if [ -n "${_CONVFIX_ACTIVE-}" ]; then "_convfix_off_${_CONVFIX_ACTIVE%% *}"; fi
}
"""


def folders(prepend: tuple[str, ...], drop: tuple[str, ...]) -> Mapping[str, str]:
    """See ``compose.Dialect``."""
    joined, dropped = ":".join(prepend), ":".join(drop)
    words = _DROP.replace("@DROPPED@", quote(f":{dropped}:")) if dropped else ""
    return {"@DROP@": words, "@FOLDERS@": quote(joined), "@OURS@": quote(f":{joined}:")}


def off_line(key: str) -> str:
    """See ``shells.off_line``."""
    name = f"_convfix_off_{key}"
    return f"if command -v {name} >/dev/null 2>&1; then {name}; fi"


def source_line(path: str) -> str:
    """See ``shells.block``. An ``if`` rather than ``&&``: its status is 0 when the file is gone."""
    word = quote(path)
    return f"if [ -r {word} ]; then . {word}; fi"


def quote(text: str) -> str:
    """Single quotes; one inside is closed, escaped and opened again."""
    return "'" + text.replace("'", "'\\''") + "'"
