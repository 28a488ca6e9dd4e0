"""Tables in Markdown, LaTeX and HTML."""

import re
from collections.abc import Iterable, Sequence

from pipeline.look.pages import template
from pipeline.tables.layout import Entry, Row, Table

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$])")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def one_line(text: str) -> str:
    """The text without line ends and other characters that are not printed."""
    return "".join(c if c.isprintable() else " " for c in text)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_LATEX.get(c, c) for c in one_line(text))


def to_markdown(title: str, words: str, tables: Iterable[Table]) -> str:
    """A page with all tables; a head over several columns stands before each of their names."""
    parts = [f"# {markdown_text(title)}\n", f"{markdown_text(words)}\n"]
    for table in tables:
        heads = [head for head, span in table.heads for _ in range(span)]
        names = [
            f"{head} {name}".strip() if head else name
            for head, name in zip(["", *heads], table.columns, strict=True)
        ]
        lines = [_line(map(markdown_text, names)), _line(["---", *["---:"] * (len(names) - 1)])]
        lines += [_line(_markdown_row(row, len(names))) for row in table.rows]
        parts.append(f"## {markdown_text(table.title)}\n")
        parts.append(f"{markdown_text(table.note)}\n")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _markdown_row(row: Row, columns: int) -> Sequence[str]:
    name = markdown_text(row.name)
    name = {"group": f"**{name}**", "published": f"*{name}*"}.get(row.kind, name)
    texts = [name, *(markdown_text(entry.text) for entry in row.entries)]
    return texts + [""] * (columns - len(texts))


def to_latex(title: str, words: str, tables: Iterable[Table]) -> str:
    """Tables for a paper, each in a table environment, made narrower where it is too wide.

    It needs the packages booktabs and graphicx.
    """
    lines = [f"% {latex_text(title)}", f"% {latex_text(words)}"]
    lines.append(r"% \usepackage{booktabs,graphicx}")
    for number, table in enumerate(tables, 1):
        lines += ["", r"\begin{table*}", r"\centering", rf"\caption{{{latex_text(table.title)}. "
                  rf"{latex_text(table.note)}}}", rf"\label{{tab:ocim-{number}}}"]  # fmt: skip
        lines.append(r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%")
        lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule"]
        if any(head for head, _ in table.heads):
            spans = (rf"\multicolumn{{{n}}}{{c}}{{{latex_text(head)}}}" for head, n in table.heads)
            lines.append(" & " + " & ".join(spans) + r" \\")
        lines += [" & ".join(map(latex_text, table.columns)) + r" \\", r"\midrule"]
        for row in table.rows:
            lines.append(_latex_row(row, len(table.columns)))
        lines += [r"\bottomrule", r"\end{tabular}}", r"\end{table*}"]
    return "\n".join(lines) + "\n"


def _latex_row(row: Row, columns: int) -> str:
    if row.kind == "group":
        return rf"\multicolumn{{{columns}}}{{l}}{{\textit{{{latex_text(row.name)}}}}} \\"
    name = latex_text(row.name)
    if row.kind == "published":
        name = rf"\quad {name}"
    return " & ".join([name, *(latex_text(entry.text) for entry in row.entries)]) + r" \\"


def to_html(title: str, words: str, tables: Sequence[Table]) -> str:
    """One page that asks nothing of anywhere; every own cell leads to the runs that it is of."""

    def anchor(entry: Entry) -> str:
        return f"#{entry.runs[0]}" if entry.runs else ""

    return template("tables.html").render(
        title=title, words=words, tables=tables, anchor=anchor, one_line=one_line
    )
