"""The activation script for bash, zsh and sh: one text that all three read alike.

It uses what POSIX gives and nothing that depends on word splitting, which zsh does not do. It holds
under ``set -eu``. Saved values are shell variables and not exported: a child shell inherits the
variables themselves and has nothing to take back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixer.shells import Values

_HEAD = """\
# convfix activation @KEY@: source this file in bash, zsh or sh; convfix_deactivate takes it back.
if command -v _convfix_off_@KEY@ >/dev/null 2>&1; then _convfix_off_@KEY@; fi
"""

_SAVE = """\
if [ -n "${@V@+x}" ]; then
    _CONVFIX_HAD_@KEY@_@V@=1
    _CONVFIX_WAS_@KEY@_@V@="$@V@"
else
    _CONVFIX_HAD_@KEY@_@V@=0
    _CONVFIX_WAS_@KEY@_@V@=
fi
"""

# An element is kept when it is absolute and not there yet: the loader takes an empty one for the current folder.
_PREPEND = """\
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

_SET = """\
_CONVFIX_NOW_@KEY@_@V@=@VALUE@
export @V@="$_CONVFIX_NOW_@KEY@_@V@"
"""

_UNSET = """\
unset @V@
"""

_RESTORE = """\
if [ "$_CONVFIX_HAD_@KEY@_@V@" = 1 ]; then
    export @V@="$_CONVFIX_WAS_@KEY@_@V@"
else
    unset @V@
fi
"""

# Changed by somebody since: only our folders go, and not those that were there before us.
_OFF_PREPEND = """\
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

_OFF_SET = """\
if [ -n "${@V@+x}" ] && [ "$@V@" = "$_CONVFIX_NOW_@KEY@_@V@" ]; then
@RESTORE@
fi
"""

_OFF_UNSET = """\
if [ -z "${@V@+x}" ] && [ "$_CONVFIX_HAD_@KEY@_@V@" = 1 ]; then
    export @V@="$_CONVFIX_WAS_@KEY@_@V@"
fi
"""

_FORGET = """\
unset _CONVFIX_HAD_@KEY@_@V@ _CONVFIX_WAS_@KEY@_@V@ _CONVFIX_NOW_@KEY@_@V@
"""

_TAIL = """\
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


def script(values: Values) -> str:
    """The whole script."""
    key = values.key
    parts = [_HEAD.replace("@KEY@", key)]
    off = []
    for name in values.lists:
        joined = ":".join(dict.fromkeys(values.prepend.get(name, ())))
        dropped = ":".join(values.drop.get(name, ()))
        drop = _DROP.replace("@DROPPED@", quote(f":{dropped}:")) if dropped else ""
        parts.append(_filled(_SAVE + _PREPEND, key, name).replace("@DROP@", drop).replace("@FOLDERS@", quote(joined)))
        off.append(_with_restore(_OFF_PREPEND, key, name).replace("@OURS@", quote(f":{joined}:")))
    for name, value in sorted(values.set.items()):
        parts.append(_filled(_SAVE + _SET, key, name).replace("@VALUE@", quote(value)))
        off.append(_with_restore(_OFF_SET, key, name))
    for name in sorted(values.unset):
        parts.append(_filled(_SAVE + _UNSET, key, name))
        off.append(_filled(_OFF_UNSET, key, name))
    for name in sorted({*values.lists, *values.set, *values.unset}):
        off.append(_filled(_FORGET, key, name))
    parts.append(_TAIL.replace("@KEY@", key).replace("@OFF@", "".join(off).rstrip("\n")))
    return "".join(parts)


def off_line(values: Values) -> str:
    """See ``shells.off_line``."""
    name = f"_convfix_off_{values.key}"
    return f"if command -v {name} >/dev/null 2>&1; then {name}; fi"


def source_line(path: str) -> str:
    """See ``shells.block``. An ``if`` rather than ``&&``: its status is 0 when the file is gone."""
    word = quote(path)
    return f"if [ -r {word} ]; then . {word}; fi"


def quote(text: str) -> str:
    """Single quotes; one inside is closed, escaped and opened again."""
    return "'" + text.replace("'", "'\\''") + "'"


def _filled(template: str, key: str, name: str) -> str:
    return template.replace("@KEY@", key).replace("@V@", name)


def _with_restore(template: str, key: str, name: str) -> str:
    return _filled(template.replace("@RESTORE@", _RESTORE.rstrip("\n")), key, name)
