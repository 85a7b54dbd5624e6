/** The page's style sheet. */
import { FIGURE_STYLE } from './figures/svg.ts'
import { FONT, palette } from './palette.ts'

export const STYLE = `
${palette(':root')}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 ${FONT};
}
header, main, footer, nav { max-width: 74rem; margin-inline: auto; padding-inline: clamp(1rem, 3vw, 2rem); }
header { padding-block: 2.25rem 0.5rem; }
footer { padding-block: 1.5rem 3rem; color: var(--muted); font-size: 0.875rem; }
h1 { font-size: clamp(1.5rem, 1.1rem + 2vw, 2.125rem); line-height: 1.2; margin: 0 0 0.35rem; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 3rem 0 0.75rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.075rem; margin: 2rem 0 0.5rem; }
h4 { font-size: 1rem; margin: 1.5rem 0 0.25rem; }
body { overflow-wrap: anywhere; }
p { margin: 0.5rem 0; max-width: 72ch; }
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 3px solid var(--s0); outline-offset: 2px; border-radius: 2px; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.875em; }
pre {
  margin: 0.5rem 0; padding: 0.75rem 1rem; background: var(--panel); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.skip { position: absolute; left: -99in; }
.skip:focus { position: static; display: inline-block; padding: 0.5rem 1rem; }
.muted { color: var(--muted); }
.small { font-size: 0.875rem; }
nav ul { list-style: none; margin: 0.25rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.15rem 1.25rem; font-size: 0.9375rem; }

.verdict { margin: 1.25rem 0; padding: 1rem 1.25rem; background: var(--panel); border-left: 4px solid var(--key, var(--s0)); border-radius: 0 8px 8px 0; }
.verdict p { max-width: none; }
.verdict .sentence { margin: 0; font-size: 1.125rem; line-height: 1.5; text-wrap: pretty; }
.verdict .sentence b { font-weight: 700; }
.verdict ul { margin: 0.6rem 0 0; padding: 0; list-style: none; font-size: 0.9375rem; }
.verdict li { padding-left: 1.6em; text-indent: -1.6em; }
.verdict li > span[aria-hidden] { display: inline-block; width: 1.6em; text-indent: 0; }
.bound { color: var(--muted); }
.doubt { color: var(--warn); }

.scroll { overflow-x: auto; margin: 0.75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
caption { text-align: left; color: var(--muted); font-size: 0.875rem; padding-bottom: 0.4rem; }
th, td { padding: 0.4rem 0.65rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--line); color: var(--muted); font-weight: 600; font-size: 0.8125rem; vertical-align: bottom; white-space: nowrap; }
tbody th { font-weight: 500; }
th:first-child, td:first-child { padding-left: 0; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
td.num small, td.mark small, th small { display: block; color: var(--muted); font-weight: 400; font-size: 0.8125rem; }
.worst th, .worst td { font-weight: 700; border-top: 2px solid var(--ink); border-bottom: 0; }
.attack { overflow-wrap: normal; white-space: nowrap; }
th[scope=row] { min-width: 10rem; }
.loss { color: var(--warn); }
td.loss { font-weight: 600; }

.charts { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem; }
.chart { margin: 0; }
.chart svg { display: block; max-width: 100%; height: auto; }
.chart .narrow { display: none; }
@media (max-width: 45rem) { .chart .wide { display: none; } .chart .narrow { display: block; } }

${FIGURE_STYLE}
.plate { margin: 1.25rem 0 2rem; break-inside: avoid; }
.plate .scroll { margin: 0; }
.plate svg { display: block; }
.plate figcaption { max-width: 72ch; margin-top: 0.5rem; font-size: 0.9375rem; color: var(--muted); }
td.source { font-size: 0.875rem; color: var(--muted); }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); gap: 1.25rem; margin-top: 0.75rem; }
.gallery figure { margin: 0; padding: 0.9rem; border: 1px solid var(--line); border-radius: 8px; break-inside: avoid; }
.gallery .what { font-weight: 600; }
.gallery .how { font-size: 0.875rem; color: var(--muted); }
.pictures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.6rem; margin: 0.6rem 0; }
.pictures div { min-width: 0; font-size: 0.8125rem; color: var(--muted); }
.pictures img { display: block; width: 100%; height: auto; border-radius: 3px; background: #808080; }
.pictures img.small { image-rendering: crisp-edges; image-rendering: pixelated; }
.tops { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.9rem; font-size: 0.8125rem; }
.tops h4 { margin: 0 0 0.2rem; font-size: 0.8125rem; color: var(--muted); font-weight: 600; }
.tops ol { list-style: none; margin: 0; padding: 0; }
.tops li { margin-bottom: 0.3rem; line-height: 1.3; }
.tops .line { display: flex; justify-content: space-between; gap: 0.5rem; }
.tops .line span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tops .line span:last-child { font-variant-numeric: tabular-nums; white-space: nowrap; }
.tops .true { font-weight: 700; }
div.bar { height: 5px; border-radius: 2px; background: var(--line); overflow: hidden; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
div.bar i { display: block; height: 100%; background: var(--other-bar); }
.true div.bar i { background: var(--good-bar); }
.fooled div.bar i { background: var(--bad-bar); }

.status { font-weight: 600; white-space: nowrap; }
.pass { color: var(--good); } .warn { color: var(--warn); } .fail { color: var(--bad); }
dl.facts { display: grid; grid-template-columns: fit-content(14rem) minmax(0, 1fr); gap: 0.3rem 1.25rem; margin: 0.5rem 0; font-size: 0.9375rem; }
dl.facts dt { color: var(--muted); min-width: 8rem; }
dl.facts dd { margin: 0; min-width: 0; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; color: var(--link); }
@media (max-width: 36rem) {
  dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; } dl.facts dd { margin-bottom: 0.5rem; }
  .audit thead { display: none; }
  .audit tr, .audit th, .audit td { display: block; border: 0; padding: 0.1rem 0; }
  .audit tr { padding: 0.6rem 0; border-bottom: 1px solid var(--line); }
  .audit td[data-name]::before { content: attr(data-name) ": "; color: var(--muted); }
}
@page { margin: 15mm; }
@media print {
  html { font-size: 10pt; }
  nav, .skip { display: none; }
  header, main, footer { max-width: none; padding-inline: 0; }
  .scroll { overflow: visible; }
  table { font-size: 0.85rem; } thead th, td.num small { font-size: 0.75rem; } th, td { padding: 0.2rem 0.35rem; }
  tr, .chart, .verdict { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; height: auto; }
}
`
