/** The legend of a figure: swatches with names, in as many rows as they need. */
import { html as xml, type Content, type Html } from '../html.ts'
import { EDGE, LINE, text, type Drawing } from './svg.ts'
import { textWidth, wrap } from './text.ts'

/** A name and how it is drawn: `swatch` fills 28 pixels from x on, around the middle y. */
export interface LegendEntry {
  readonly name: string
  readonly swatch: (x: number, y: number) => Content
}

export const SWATCH = 28
const SPACE = 7
const BETWEEN = 20

/** Draws from `top` on and says how far down it went. */
export const legend = (entries: readonly LegendEntry[], top: number, width: number): Drawing => {
  const room = width - 2 * EDGE - SWATCH - SPACE
  const drawn: Html[] = []
  let [x, y, rowHeight] = [EDGE, top, 0]
  for (const { name, swatch } of entries) {
    const words = wrap(name, room)
    const size = SWATCH + SPACE + Math.max(...words.map((line) => textWidth(line)))
    if (x > EDGE && x + size > width - EDGE) {
      x = EDGE
      y += rowHeight
      rowHeight = 0
    }
    drawn.push(
      xml`${swatch(x, y + LINE / 2)}${words.map((line, index) => text(x + SWATCH + SPACE, y + 13 + index * LINE, line))}`,
    )
    x += size + BETWEEN
    rowHeight = Math.max(rowHeight, words.length * LINE + 3)
  }
  return { body: drawn, height: entries.length > 0 ? y + rowHeight : top }
}
