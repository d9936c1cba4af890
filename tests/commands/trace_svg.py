#!/usr/bin/env python3
"""Whether a picture of a trace is well-formed and says what the summary of the same trace says: trace_svg.py SVG SUMMARY"""
import json
import re
import sys
import xml.etree.ElementTree as xml

SVG = "{http://www.w3.org/2000/svg}"
root = xml.parse(sys.argv[1]).getroot()
with open(sys.argv[2]) as file:
    summary = json.load(file)
assert summary["event"] == "summary", summary["event"]
assert root.tag == SVG + "svg" and root.get("version") == "1.1", root.attrib
assert root.find(SVG + "title").text.startswith("backlogctl trace: "), "no title"
assert root.find(SVG + "desc").text, "no description"

listeners = {f"{one['address']}:{one['port']}  {one['process']}/{one['pid']}": one for one in summary["listeners"]}
seen = 0
for group in root.findall(SVG + "g"):
    name = group.find(SVG + "text").text
    one = listeners[name]
    sums, peak, longest, till = dict.fromkeys(("entered", "accepted", "SYN", "last ACK", "left"), 0), 0, False, -1.0
    for rect in group.findall(SVG + "rect"):
        title = rect.find(SVG + "title")
        if title is None:
            continue
        peak = max(peak, int(re.search(r"queue up to (?:at least )?(\d+)", title.text).group(1)))
        for key in sums:
            sums[key] += int(re.search(rf"(\d+) {key}s?\b", title.text).group(1))
        longest = longest or "waited p50 " in title.text
        assert float(rect.get("x")) >= till - 0.02, title.text
        till = float(rect.get("x")) + float(rect.get("width"))
    overflows = one["overflows"]
    told = {
        "entered": one["entered"],
        "accepted": one["accepted"]["count"],
        "SYN": overflows["syn"]["count"],
        "last ACK": overflows["ack"]["count"],
        "left": one["left"]["listener_closed"] + one["left"]["otherwise"],
    }
    assert sums == told, (name, sums, told)
    assert peak == one["queue"]["peak"], (name, peak, one["queue"])
    assert longest == (one["wait"]["samples"] > 0), name
    words = [text.text for text in group.findall(SVG + "text")]
    capacity = one["capacity"]
    assert {f"holds {capacity}", f"would hold {capacity}", "holds: not known"} & set(words), words
    assert (capacity is None) == ("holds: not known" in words), words
    assert any(re.fullmatch(rf"(at least )?{overflows['syn']['count']} SYNs?", word) for word in words), words
    seen += 1
busy = [one for one in summary["listeners"] if one["entered"] or one["accepted"]["count"]]
assert seen == min(len(busy), 12), (seen, len(busy))
print(seen, "listeners agree")
