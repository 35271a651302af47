"""The activation script for fish, where variables whose names end in PATH are lists.

It keeps saved values in global, unexported variables. A universal variable of the user's is shadowed
and comes to light again on deactivation; it is never written.
"""

from __future__ import annotations

from collections.abc import Mapping

HEAD = """\
# convfix activation @KEY@: source this file in fish; convfix_deactivate takes it back.
if functions -q _convfix_off_@KEY@
    _convfix_off_@KEY@
end
"""

SAVE = """\
set -g _CONVFIX_HAD_@KEY@_@V@ 0
set -g _CONVFIX_WAS_@KEY@_@V@
if set -qg @V@
    set -g _CONVFIX_HAD_@KEY@_@V@ 1
    set -g _CONVFIX_WAS_@KEY@_@V@ $@V@
end
"""

PREPEND = """\
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

SET = """\
set -g _CONVFIX_NOW_@KEY@_@V@ @VALUE@
set -gx @V@ $_CONVFIX_NOW_@KEY@_@V@
"""

# An exported empty variable would hide nothing: for a child, unset is the absence of the name in every scope.
UNSET = """\
set -eg @V@
"""

RESTORE = """\
if test "$_CONVFIX_HAD_@KEY@_@V@" = 1
    set -gx @V@ $_CONVFIX_WAS_@KEY@_@V@
else
    set -eg @V@
end
"""

OFF_PREPEND = """\
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

OFF_SET = """\
if set -qg @V@; and test "$@V@" = "$_CONVFIX_NOW_@KEY@_@V@"
@RESTORE@
end
"""

OFF_UNSET = """\
if not set -qg @V@; and test "$_CONVFIX_HAD_@KEY@_@V@" = 1
    set -gx @V@ $_CONVFIX_WAS_@KEY@_@V@
end
"""

FORGET = """\
set -eg _CONVFIX_HAD_@KEY@_@V@
set -eg _CONVFIX_WAS_@KEY@_@V@
set -eg _CONVFIX_NOW_@KEY@_@V@
"""

TAIL = """\
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


def folders(prepend: tuple[str, ...], drop: tuple[str, ...]) -> Mapping[str, str]:
    """See ``compose.Dialect``."""
    dropped = " ".join(map(quote, drop))
    words = f"; and not contains -- (string replace -r '/$' '' -- $_convfix_one) {dropped}" if dropped else ""
    return {"@DROP@": words, "@FOLDERS@": " ".join(map(quote, prepend))}


def off_line(key: str) -> str:
    """See ``shells.off_line``."""
    name = f"_convfix_off_{key}"
    return f"if functions -q {name}; {name}; end"


def source_line(path: str) -> str:
    """See ``shells.block``."""
    word = quote(path)
    return f"if test -r {word}; source {word}; end"


def quote(text: str) -> str:
    """Single quotes, in which fish reads ``\\\\`` and ``\\'`` alone as escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
