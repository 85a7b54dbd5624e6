/** The shell of every page: one HTML file that needs nothing but itself. */
import { html, raw, type Content, type Html } from './html.ts'
import { STYLE } from './style.ts'

/** The program that made a page. */
export interface Generator {
  readonly name: string
  readonly version: string
}

// Nothing in the file may run or load, whatever a model or a file is called.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** `saddle 1.2.3`. */
export const madeBy = (generator: Generator | undefined): string | undefined =>
  generator && `${generator.name} ${generator.version}`

/** A section with its heading; its id is that of the link to it. */
export const section = (id: string, title: string, body: Content): Html =>
  html`<section id="${id}" aria-labelledby="${id}-name">
    <h2 id="${id}-name">${title}</h2>
    ${body}
  </section>`

/**
 * A whole page around its body.
 *
 * @param refresh seconds after which an open page loads itself anew. @default never
 */
export const htmlDocument = (
  title: string,
  generator: Generator | undefined,
  body: Html,
  refresh?: number,
): string => {
  const made = madeBy(generator)
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refresh !== undefined && html`<meta http-equiv="refresh" content="${refresh}" />`}
        <meta name="color-scheme" content="light dark" />
        ${made !== undefined && html`<meta name="generator" content="${made}" />`}
        <title>${title}</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html> `.text
}
