/* The style, the script and the policy of a page, word for word. */
#ifndef BACKLOGCTL_REPORT_HTML_PARTS_H
#define BACKLOGCTL_REPORT_HTML_PARTS_H

#include "svg.h"

/* As all of the page it is well-formed as XML too, which tests can parse. Headings become buttons; a cell is sorted by its number, where it has one, else by its text. The first click puts what is least
   first. */
#define PAGE_SCRIPT                                                                                        \
    "\n"                                                                                                   \
    "for (const head of document.querySelectorAll('table.sorts th')) {\n"                                  \
    "  const button = document.createElement('button');\n"                                                 \
    "  button.type = 'button';\n"                                                                          \
    "  button.append(...head.childNodes);\n"                                                               \
    "  head.append(button);\n"                                                                             \
    "  button.addEventListener('click', () => {\n"                                                         \
    "    const at = head.cellIndex, body = head.closest('table').tBodies[0];\n"                            \
    "    const down = head.getAttribute('aria-sort') === 'ascending';\n"                                   \
    "    const compare = (a, b) => {\n"                                                                    \
    "      const x = a.cells[at], y = b.cells[at];\n"                                                      \
    "      const keys = [x, y].every((cell) => cell.dataset.key !== undefined);\n"                         \
    "      return keys ? x.dataset.key - y.dataset.key : x.textContent.localeCompare(y.textContent);\n"    \
    "    };\n"                                                                                             \
    "    for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');\n"                 \
    "    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');\n"                             \
    "    if (body) body.append(...[...body.rows].sort((a, b) => down ? compare(b, a) : compare(a, b)));\n" \
    "  });\n"                                                                                              \
    "}\n"

/* Nothing is loaded, and of scripts only the one above is run: its digest, which the tests compare. */
#define PAGE_SCRIPT_SHA256 "4Bl3ChswJcYaThStjsFTgO+Uma18nddWN3tZMVqrPfU="
#define PAGE_POLICY                                                                                          \
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; " \
    "script-src 'sha256-" PAGE_SCRIPT_SHA256 "'; base-uri 'none'; form-action 'none'\" />\n"

#define PAGE_STYLE                                                                                                              \
    ":root { color-scheme: light dark; --ground: " SVG_LIGHT "; --text: #1a1a1a; --soft: #5a5a5a; --line: #c8c8c8; "            \
    "--shade: #f4f4f6; --focus: #0a5fb4; }\n"                                                                                   \
    "@media (prefers-color-scheme: dark) {\n"                                                                                   \
    ":root { --ground: " SVG_DARK "; --text: #f0f0f0; --soft: #b0b0b0; --line: #48484a; --shade: #2a2a2d; "                     \
    "--focus: #8fc7ff; }\n}\n"                                                                                                  \
    "* { box-sizing: border-box; }\n"                                                                                           \
    "body { margin: 0; background: var(--ground); color: var(--text); "                                                         \
    "font: 1rem/1.5 Helvetica, Arial, sans-serif; overflow-wrap: anywhere; }\n"                                                 \
    "main { max-width: 76rem; margin: 0 auto; padding: 1rem; }\n"                                                               \
    "h1 { font-size: 1.4rem; line-height: 1.25; margin: .5rem 0; }\n"                                                           \
    "h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }\n"                                                                      \
    "p { margin: .5rem 0; max-width: 50rem; }\n"                                                                                \
    "pre { background: var(--shade); border: 1px solid var(--line); border-radius: .3rem; padding: .6rem; margin: .5rem 0; "    \
    "font: .85rem/1.4 ui-monospace, monospace; white-space: pre-wrap; }\n"                                                      \
    "pre.drawn { white-space: pre; overflow-x: auto; } .wide { overflow-x: auto; }\n"                                           \
    ".wide:focus-visible, button:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }\n"                     \
    ".wide > svg { display: block; width: 100%; min-width: 45rem; height: auto; }\n"                                            \
    "table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }\n"                              \
    "th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; white-space: nowrap; "                    \
    "border-bottom: 1px solid var(--line); }\n"                                                                                 \
    "td.long { white-space: normal; min-width: 34rem; }\n"                                                                      \
    "th button { all: unset; cursor: pointer; }\n"                                                                              \
    "th button::after { content: ' \\2195'; color: var(--soft); }\n"                                                            \
    "th[aria-sort=ascending] button::after { content: ' \\2191'; color: var(--text); }\n"                                       \
    "th[aria-sort=descending] button::after { content: ' \\2193'; color: var(--text); }\n"                                      \
    ".right { text-align: right; }\n"                                                                                           \
    "ul.counts { list-style: none; margin: .75rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem 1.25rem; }\n"       \
    ".counts b { font-size: 1.25rem; }\n"                                                                                       \
    ".mark::before { content: ''; display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; "   \
    "border: 1px solid var(--text); }\n"                                                                                        \
    ".good .mark::before { background: " SVG_GREEN "; } .waiting .mark::before { background: " SVG_BLUE "; }\n"                 \
    ".ghost .mark::before { background: " SVG_PINK "; } .bad .mark::before { background: " SVG_RED "; }\n"                      \
    ".ours .mark::before { background: " SVG_GREY "; } .open .mark::before { background: " SVG_ORANGE "; }\n"                   \
    ".facts { width: 100%; } .facts th { font-weight: normal; color: var(--soft); width: 19rem; } "                             \
    ".facts th, .facts td { white-space: normal; }\n"                                                                           \
    "@media (max-width: 40rem) { .facts th, .facts td { display: block; width: auto; } .facts th { border: 0; padding-bottom: " \
    "0; } }\n"                                                                                                                  \
    "@media print {\n"                                                                                                          \
    ":root { color-scheme: light; --ground: " SVG_LIGHT                                                                         \
    "; --text: #1a1a1a; --soft: #5a5a5a; --line: #c8c8c8; --shade: #f4f4f6; }\n"                                                \
    "main { max-width: none; padding: 0; } .wide { overflow: visible; } .wide > svg { min-width: 0; }\n"                        \
    "th button::after { content: none; } tr, svg { break-inside: avoid; } h2 { break-after: avoid; }\n"                         \
    "table { font-size: .75rem; } th, td { white-space: normal; } td.long { min-width: 0; } .mark::before { "                   \
    "print-color-adjust: exact; }\n}\n" SVG_STYLE

#endif
