#!/usr/bin/env python3
"""Whether a page is balanced HTML that loads nothing and runs its own script alone: html_page.py PAGE [JSON of the same run]"""

import base64
import hashlib
import html.parser
import json
import re
import sys
import xml.etree.ElementTree as etree

VOID = {"meta"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.scripts, self.policy, self.row, self.rows = [], set(), [], "", None, []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        for name, value in attrs.items():
            assert not name.startswith("on") and name not in ("src", "href", "style"), (tag, name)
            assert "://" not in (value or ""), (tag, name, value)
        if "id" in attrs:
            assert attrs["id"] not in self.ids, attrs["id"]
            self.ids.add(attrs["id"])
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag == "tr":
            self.row = []
        if tag in ("td", "th") and self.row is not None:
            self.row.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())
        if tag == "tr":
            self.rows.append(self.row)
            self.row = None

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.row:
            self.row[-1] += data


text = open(sys.argv[1], encoding="utf-8").read()
assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), "control characters"
etree.fromstring(text)
page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
assert len(page.scripts) == 1, page.scripts
digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
assert "default-src 'none'" in page.policy and f"script-src 'sha256-{digest}'" in page.policy, (page.policy, digest)
if len(sys.argv) > 2:
    report = json.load(open(sys.argv[2], encoding="utf-8"))
    heads = next(row for row in page.rows if "verdict" in row)
    begin = page.rows.index(heads) + 1
    rows = page.rows[begin:begin + len(report["connections"])]
    for connection, row in zip(report["connections"], rows, strict=True):
        seen = dict(zip(heads, row))
        assert (seen["#"], seen["verdict"]) == (str(connection["id"]), connection["verdict"]), (connection, seen)
    assert report["kernel"] in text and report["started_at"] in text
print(f"a page with {len(page.rows)} rows")
