#!/usr/bin/env python3
"""Whether a picture of a timeline is well-formed and says what the JSON of the same run says: timeline_svg.py SVG JSON"""
import json
import re
import sys
import xml.etree.ElementTree as xml

SVG = "{http://www.w3.org/2000/svg}"
root = xml.parse(sys.argv[1]).getroot()
with open(sys.argv[2]) as file:
    report = json.load(file)
assert root.tag == SVG + "svg" and root.get("version") == "1.1", root.attrib
assert root.find(SVG + "title").text.startswith("backlogctl "), "no title"
assert root.find(SVG + "desc").text, "no description"


def microseconds(text):
    whole, fraction = text.rstrip("ms").split(".")
    return int(whole) * 1000 + int(fraction)


seen = 0
for number, timeline in enumerate(report["timeline"], 1):
    verdicts = {c["id"]: c["verdict"] for c in report["connections"]}
    for lane in timeline["connections"]:
        group = [g for g in root.iter(SVG + "g") if g.get("id") == f"connection-{number}-{lane['id']}"]
        if not group:
            continue
        title = group[0].find(SVG + "title").text
        head, syns, rest = re.fullmatch(r"#(\d+ \w+): SYN ?([^;]*)(.*)", title).groups()
        assert head == f"{lane['id']} {verdicts[lane['id']]}", title
        assert [microseconds(s) for s in syns.split(", ") if s] == lane["syn_us"], (title, lane)
        moments = dict(part.split(" ") for part in rest.strip("; ").split("; ") if part)
        for name in ("established", "queued", "accepted", "closed", "failed"):
            told = microseconds(moments[name]) if name in moments else None
            assert told == lane[name + "_us"], (name, title, lane)
        assert group[0].findall(SVG + "rect"), "nothing is drawn for " + title
        seen += 1
words = " ".join(t.text or "" for t in root.iter(SVG + "text"))
assert f"holds {report['listener']['capacity']}" in words, words
first = report["timeline"][0]
counted, placed, unplaced = (first[name + "_drops"] for name in ("counted", "placed", "unplaced"))
assert first["listener"][-1]["discarded"] == placed and placed + unplaced == counted, first["listener"][-1]
assert f"{counted} packet" in words, words
assert unplaced <= 0 or f"{placed} of them placed in time, {unplaced} without" in words, words
assert unplaced >= 0 or f"{-unplaced} more went unanswered" in words, words  # a busy machine had not brought them to the listener yet
print(seen, "lanes agree")
