"""What doctor found and what it rests on, as one Markdown text or one HTML page that needs nothing else.

The unit is a function from the redacted document to text. Everything in the document may be hostile: in Markdown
it is escaped or fenced, in HTML escaped, and the page allows no script and loads nothing.
"""

from __future__ import annotations

import html as escaping
import json
import re
from typing import Any, Callable, Mapping

from fixer.report.clean import clean
from fixer.report.paper import shown_argv

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&@!])")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow:auto;border:1px solid #ccc;padding:.7rem}"
    "h2{font-size:1.1rem;margin-top:1.6rem}dt{font-weight:600}.blocks{color:#b00}"
)


def markdown(document: Mapping[str, Any]) -> str:
    """The report for a bug tracker or a forum."""
    lines = [f"# convfix report\n\nconvfix {_md(document['convfix'])}, dataset {_md(document['dataset'])}\n"]
    for finding in document["findings"]:
        mark = "**primary**, " if finding["primary"] else ""
        lines.append(f"## {_md(finding['title'])}\n\n{mark}{_md(_nature(finding))}\n")
        lines += [f"- {_md(one['fact'])}: {_md(one['value'])} ({_md(one['source'])})" for one in finding["evidence"]]
        if finding["remedy"]["summary"]:
            lines.append(f"\nRemedy: {_md(finding['remedy']['summary'])}\n")
        lines += [_fenced(shown_argv(argv)) for argv in finding["remedy"]["commands"]]
    if not document["findings"]:
        lines.append("Nothing was found.\n")
    lines.append("<details><summary>The machine, as convfix saw it (a machine file)</summary>\n")
    lines.append(_fenced(json.dumps(document["machine"], indent=1), "json") + "\n</details>\n")
    return "\n".join(lines)


def html(document: Mapping[str, Any]) -> str:
    """The report as a page of its own."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>convfix report</title>',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body>\n<h1>convfix report</h1>",
        f"<p>convfix {_html(document['convfix'])}, dataset {_html(document['dataset'])}</p>",
    ]
    for finding in document["findings"]:
        parts.append(f'<h2 class="{_html(finding["severity"])}">{_html(finding["title"])}</h2>')
        parts.append(f"<p>{'primary, ' if finding['primary'] else ''}{_html(_nature(finding))}</p><dl>")
        for one in finding["evidence"]:
            parts.append(f"<dt>{_html(one['fact'])}</dt><dd>{_html(one['value'])} <small>{_html(one['source'])}</small></dd>")
        parts.append(f"</dl><p>{_html(finding['remedy']['summary'])}</p>")
        parts += [f"<pre>{_html(shown_argv(argv))}</pre>" for argv in finding["remedy"]["commands"]]
    if not document["findings"]:
        parts.append("<p>Nothing was found.</p>")
    machine = _html(json.dumps(document["machine"], indent=1), keep="\n")
    parts.append(f"<details><summary>The machine, as convfix saw it (a machine file)</summary><pre>{machine}</pre></details>")
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _nature(finding: Mapping[str, Any]) -> str:
    return f"{finding['severity']}, {finding['certainty']}, cause {finding['cause']}, rule {finding['code']}"


def _md(text: object) -> str:
    return _MARKS.sub(r"\\\1", clean(str(text)))


def _fenced(text: str, language: str = "") -> str:
    """A block whose fence is longer than any run of backticks inside."""
    said = clean(text, keep="\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", said)), default=0))
    return f"{fence}{language}\n{said}\n{fence}"


def _html(text: object, keep: str = "") -> str:
    return escaping.escape(clean(str(text), keep=keep))


FORMATS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"markdown": markdown, "html": html}
