"""What stands in a page of HTML, read without a browser."""

import base64
from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags with their attributes, the text outside of scripts, and the tables' rows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self.in_cell = self.in_script = False
        self.feed(html)
        self.rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.in_script = tag == "script"
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True
        elif tag == "br" and self.in_cell:
            self.rows[-1][-1] += " "

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")
        self.in_script = self.in_script and tag != "script"

    def handle_data(self, data):
        if self.in_script:
            return
        self.words.append(data)
        if self.in_cell:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def pictures(self, kind: str) -> list[bytes]:
        """The files of its pictures of a kind, such as jpeg."""
        start = f"data:image/{kind};base64,"
        sources = [attributes.get("src") or "" for tag, attributes in self.tags if tag == "img"]
        return [base64.b64decode(s.removeprefix(start)) for s in sources if s.startswith(start)]
