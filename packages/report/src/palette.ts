/**
 * The colours of pages and figures. Those of the series, `--s0` to `--s6`, are Okabe & Ito's (2008), which readers with
 * any kind of colour vision tell apart; darkened on white paper and lightened on dark.
 */

/** How many series can be told apart by colour; after that the dash pattern and the symbol change. */
export const SERIES = 7

export const LIGHT = `
  --paper: #ffffff; --panel: #f5f6f8; --ink: #1b1f24; --muted: #57606a; --line: #d5d9df; --link: #00588c;
  --good: #00694b; --warn: #8a5300; --bad: #b03a00;
  --good-bar: #009e73; --bad-bar: #d55e00; --other-bar: #8b949e;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #b5578f; --s4: #b07a00; --s5: #2f8fc4; --s6: #1b1f24;`

export const DARK = `
  --paper: #14171b; --panel: #1e2228; --ink: #e4e7eb; --muted: #a0a8b3; --line: #363c45; --link: #7cc4f0;
  --good: #3fcf9f; --warn: #f0b64a; --bad: #ff9a5c;
  --good-bar: #1fb887; --bad-bar: #e8772e; --other-bar: #7d8794;
  --s0: #56b4e9; --s1: #f0803c; --s2: #2cc795; --s3: #dd9cc0; --s4: #e69f00; --s5: #8fcdf0; --s6: #f0e442;`

/** The custom properties on an element: light, and dark where the screen is; paper stays light. */
export const palette = (selector: string): string => `${selector} { color-scheme: light dark;${LIGHT} }
@media screen and (prefers-color-scheme: dark) { ${selector} {${DARK} } }`

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
