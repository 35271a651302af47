"""The activation script for fish, where variables whose names end in PATH are lists.

It keeps saved values in global, unexported variables. A universal variable of the user's is shadowed
and comes to light again on deactivation; it is never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixer.shells import Values

_HEAD = """\
# convfix activation @KEY@: source this file in fish; convfix_deactivate takes it back.
if functions -q _convfix_off_@KEY@
    _convfix_off_@KEY@
end
"""

_SAVE = """\
set -g _CONVFIX_HAD_@KEY@_@V@ 0
set -g _CONVFIX_WAS_@KEY@_@V@
if set -qg @V@
    set -g _CONVFIX_HAD_@KEY@_@V@ 1
    set -g _CONVFIX_WAS_@KEY@_@V@ $@V@
end
"""

_PREPEND = """\
set -g _convfix_new @FOLDERS@
for _convfix_one in $@V@
    if string match -q -- '/*' $_convfix_one; and not contains -- $_convfix_one $_convfix_new@DROP@
        set -g _convfix_new $_convfix_new $_convfix_one
    end
end
set -g _CONVFIX_NOW_@KEY@_@V@ $_convfix_new
if test (count $_convfix_new) -gt 0; or test "$_CONVFIX_HAD_@KEY@_@V@" = 1
    set -gx @V@ $_convfix_new
end
set -e _convfix_new
"""

_SET = """\
set -g _CONVFIX_NOW_@KEY@_@V@ @VALUE@
set -gx @V@ $_CONVFIX_NOW_@KEY@_@V@
"""

# An exported empty variable would hide nothing: for a child, unset is the absence of the name in every scope.
_UNSET = """\
set -eg @V@
"""

_RESTORE = """\
if test "$_CONVFIX_HAD_@KEY@_@V@" = 1
    set -gx @V@ $_CONVFIX_WAS_@KEY@_@V@
else
    set -eg @V@
end
"""

_OFF_PREPEND = """\
if set -qg @V@
    if test "$@V@" = "$_CONVFIX_NOW_@KEY@_@V@"
@RESTORE@
    else
        set -l kept
        for one in $@V@
            if contains -- $one @FOLDERS@; and not contains -- $one $_CONVFIX_WAS_@KEY@_@V@
                continue
            end
            if string match -q -- '/*' $one; and not contains -- $one $kept
                set kept $kept $one
            end
        end
        if test (count $kept) -gt 0; or test "$_CONVFIX_HAD_@KEY@_@V@" = 1
            set -gx @V@ $kept
        else
            set -eg @V@
        end
    end
end
"""

_OFF_SET = """\
if set -qg @V@; and test "$@V@" = "$_CONVFIX_NOW_@KEY@_@V@"
@RESTORE@
end
"""

_OFF_UNSET = """\
if not set -qg @V@; and test "$_CONVFIX_HAD_@KEY@_@V@" = 1
    set -gx @V@ $_CONVFIX_WAS_@KEY@_@V@
end
"""

_FORGET = """\
set -eg _CONVFIX_HAD_@KEY@_@V@
set -eg _CONVFIX_WAS_@KEY@_@V@
set -eg _CONVFIX_NOW_@KEY@_@V@
"""

_TAIL = """\
set -g _CONVFIX_ACTIVE @KEY@ $_CONVFIX_ACTIVE
function _convfix_off_@KEY@ -d 'Take the convfix values @KEY@ back'
@OFF@
    set -l left
    for one in $_CONVFIX_ACTIVE
        if test $one != @KEY@
            set left $left $one
        end
    end
    set -g _CONVFIX_ACTIVE $left
    if test (count $left) -eq 0
        set -eg _CONVFIX_ACTIVE
        functions -e convfix_deactivate
    end
    functions -e _convfix_off_@KEY@
end
function convfix_deactivate -d 'Take the last convfix activation back'
    if set -q _CONVFIX_ACTIVE[1]
        _convfix_off_$_CONVFIX_ACTIVE[1]
    end
end
"""


def script(values: Values) -> str:
    """The whole script."""
    key = values.key
    parts = [_HEAD.replace("@KEY@", key)]
    off = []
    for name in values.lists:
        words = " ".join(quote(folder) for folder in dict.fromkeys(values.prepend.get(name, ())))
        dropped = " ".join(quote(folder) for folder in values.drop.get(name, ()))
        drop = f"; and not contains -- (string replace -r '/$' '' -- $_convfix_one) {dropped}" if dropped else ""
        parts.append(_filled(_SAVE + _PREPEND, key, name).replace("@DROP@", drop).replace("@FOLDERS@", words))
        off.append(_with_restore(_OFF_PREPEND, key, name).replace("@FOLDERS@", words))
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
    return f"if functions -q {name}; {name}; end"


def source_line(path: str) -> str:
    """See ``shells.block``."""
    word = quote(path)
    return f"if test -r {word}; source {word}; end"


def quote(text: str) -> str:
    """Single quotes, in which fish reads ``\\\\`` and ``\\'`` alone as escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _filled(template: str, key: str, name: str) -> str:
    return template.replace("@KEY@", key).replace("@V@", name)


def _with_restore(template: str, key: str, name: str) -> str:
    return _filled(template.replace("@RESTORE@", _RESTORE.rstrip("\n")), key, name)
