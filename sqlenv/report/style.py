"""How report.html looks, light and dark. The only style that the page has, and all in the page."""

STYLE = """
:root { color-scheme: light dark; --back: #fbfbfa; --card: #ffffff; --ink: #1c1f24; --soft: #5d6673; --line: #e0e2e6;
  --code: #f4f5f7; --accent: #1f5fbf; --good: #0b7a53; --good-back: #e2f5ec; --bad: #b3261e; --bad-back: #fdeceb;
  --odd: #8a5a00; --odd-back: #fdf3dc; --bar: #cfdff5; }
@media (prefers-color-scheme: dark) { :root { --back: #14161a; --card: #1c1f25; --ink: #e7e9ec; --soft: #9aa4b2;
  --line: #30353e; --code: #14171b; --accent: #86b4f5; --good: #5fd3a6; --good-back: #12352a; --bad: #ff9d94;
  --bad-back: #41201d; --odd: #f0c36a; --odd-back: #3a2e12; --bar: #2a4364; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue",
  "DejaVu Sans", sans-serif; }
.page { display: grid; grid-template-columns: 15.5rem minmax(0, 1fr); gap: 2.5rem; max-width: 90rem; margin: 0 auto;
  padding: 2rem 2rem 6rem; }
nav { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem); overflow-y: auto;
  font-size: .875rem; }
nav strong { display: block; margin: 0 0 .4rem; font-size: .75rem; letter-spacing: .06em; text-transform: uppercase;
  color: var(--soft); }
nav ol { list-style: none; margin: 0 0 1.4rem; padding: 0; border-left: 2px solid var(--line); }
nav a { display: flex; justify-content: space-between; gap: .75rem; padding: .22rem .2rem .22rem .8rem;
  color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
nav a:hover { color: var(--accent); background: var(--code); }
nav .count { color: var(--soft); font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 3rem 0 .3rem; font-size: 1.2rem; overflow-wrap: anywhere; }
h3 { margin: 1.6rem 0 .3rem; font-size: 1rem; }
p.note, .about { color: var(--soft); margin: .3rem 0 .9rem; max-width: 62rem; font-size: .9rem;
  overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.2rem;
  margin: .8rem 0; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .35rem .9rem .35rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
tr:last-child td, tr:last-child th { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
th:first-child, td:first-child, th.meter { text-align: left; }
tbody th { font-weight: 600; white-space: normal; overflow-wrap: break-word; max-width: 16rem; }
td.meter { min-width: 9.5rem; text-align: left; }
td .of { color: var(--soft); }
.meter i { display: block; height: 4px; margin-top: 2px; border-radius: 2px; background: var(--line); }
.meter i b { display: block; height: 4px; border-radius: 2px; background: var(--accent); }
.up { color: var(--good); } .down { color: var(--bad); }
svg { display: block; width: 100%; min-width: 30rem; max-width: 46rem; height: auto; }
svg text { fill: var(--ink); font: 12.5px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
svg text.soft { fill: var(--soft); }
svg .grid { stroke: var(--line); } svg .range { stroke: var(--bar); stroke-width: 9; stroke-linecap: round; }
svg .dot { fill: var(--accent); } svg .ring { fill: var(--card); stroke: var(--accent); stroke-width: 2; }
details.episode { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0; }
details.episode > summary { cursor: pointer; padding: .65rem 1rem; display: grid; gap: .2rem 1rem;
  grid-template-columns: minmax(0, 1fr) auto; align-items: baseline; }
details.episode > summary::-webkit-details-marker { display: none; }
details.episode > summary .question { font-weight: 600; overflow-wrap: anywhere; }
details.episode > summary .question::before { content: "▸"; display: inline-block; width: 1.1em; color: var(--soft); }
details.episode[open] > summary .question::before { content: "▾"; }
details.episode > summary .meta { grid-column: 1 / -1; padding-left: 1.1em; color: var(--soft); font-size: .82rem;
  overflow-wrap: anywhere; }
details.episode[open] > summary { border-bottom: 1px solid var(--line); }
.badges { display: flex; gap: .35rem; flex-wrap: wrap; justify-content: flex-end; }
.badge { border-radius: 99px; padding: .05rem .6rem; font-size: .78rem; font-weight: 600; white-space: nowrap;
  max-width: 16rem; overflow: hidden; text-overflow: ellipsis; }
.right { color: var(--good); background: var(--good-back); } .wrong { color: var(--bad); background: var(--bad-back); }
.failed { color: var(--odd); background: var(--odd-back); }
.told { padding: .6rem 1rem 0; font-size: .82rem; color: var(--soft); }
.told summary { cursor: pointer; }
.columns { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(19rem, 1fr); overflow-x: auto; }
.column { padding: .8rem 1rem 1rem; min-width: 0; } .column + .column { border-left: 1px solid var(--line); }
.column > header { display: flex; justify-content: space-between; gap: .6rem; align-items: baseline;
  margin-bottom: .5rem; }
.column > header strong { overflow-wrap: anywhere; }
.steps { list-style: none; margin: 0; padding: 0; counter-reset: step; }
.steps > li { counter-increment: step; padding: .45rem 0 .2rem 1.7rem; position: relative; }
.steps > li::before { content: counter(step); position: absolute; left: 0; top: .5rem; width: 1.15rem;
  font-size: .75rem; text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; }
.action { display: flex; gap: .6rem; justify-content: space-between; align-items: baseline; }
.action code { font: 600 .84rem/1.45 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.verb { color: var(--accent); }
.reward { font-size: .78rem; color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums;
  cursor: help; }
pre { margin: .3rem 0 0; padding: .45rem .6rem; border-radius: 5px; background: var(--code); overflow-x: auto;
  font: .78rem/1.45 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
pre.error { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }
.verdict { margin: .6rem 0 0 1.7rem; font-size: .85rem; overflow-wrap: anywhere; }
.verdict.right, .verdict.wrong, .verdict.failed { background: none; }
.top { float: right; font-size: .8rem; font-weight: 400; color: var(--soft); text-decoration: none; }
footer { margin-top: 4rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 62rem) { .page { grid-template-columns: minmax(0, 1fr); gap: 1rem; padding: 1.2rem; }
  nav { position: static; max-height: none; columns: 2; } nav ol { break-inside: avoid; } }
@media (max-width: 40rem) { nav { columns: 1; } details.episode > summary { grid-template-columns: minmax(0, 1fr); }
  .badges { justify-content: flex-start; padding-left: 1.1em; } .columns { grid-auto-flow: row; }
  .column + .column { border-left: 0; border-top: 1px solid var(--line); } }
@media print { nav { display: none; } .page { display: block; } }
"""
