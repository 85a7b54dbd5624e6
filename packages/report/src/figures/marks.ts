/** How the members of a series look: colour, dash and symbol by slot, so that no two of 28 lines, or of 49 symbols, look alike. */
import {
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
  type SymbolType,
} from 'd3-shape'
import { html as xml, type Html } from '../html.ts'
import { SERIES } from '../palette.ts'
import { px } from './svg.ts'

/** A place in the figure, in CSS pixels. */
export type Place = readonly [x: number, y: number]

const SYMBOLS: readonly SymbolType[] = [
  symbolCircle,
  symbolSquare,
  symbolTriangle,
  symbolDiamond,
  symbolStar,
  symbolWye,
  symbolCross,
]
const DASHES = [undefined, '7 4', '2 4', '9 3 2 3']

export const colour = (slot: number): string => `var(--s${slot % SERIES})`

const turn = (slot: number): number => (slot % SERIES) + Math.floor(slot / SERIES)
// Neighbours differ in dash and symbol as well as in colour, so that a print without colour can be read.
export const dash = (slot: number): string | undefined => DASHES[turn(slot) % DASHES.length]

/** Path commands of a shape drawn around (x, y). */
class Moved {
  d = ''
  readonly x: number
  readonly y: number

  constructor([x, y]: Place) {
    this.x = x
    this.y = y
  }

  moveTo(x: number, y: number) {
    this.d += `M${px(this.x + x)} ${px(this.y + y)}`
  }

  lineTo(x: number, y: number) {
    this.d += `L${px(this.x + x)} ${px(this.y + y)}`
  }

  rect(x: number, y: number, width: number, height: number) {
    this.moveTo(x, y)
    this.d += `h${px(width)}v${px(height)}h${px(-width)}z`
  }

  /** Whole circles only, which is all that symbols have, from the rightmost point, where the pen is. */
  arc(_x: number, _y: number, radius: number) {
    const r = px(radius)
    this.d += `a${r} ${r} 0 1 0 ${px(-2 * r)} 0a${r} ${r} 0 1 0 ${px(2 * r)} 0`
  }

  closePath() {
    this.d += 'z'
  }
}

/** A slot's symbol at each of the places, as one path; `area` in square pixels. */
export const symbols = (slot: number, places: readonly Place[], area = 64): string =>
  places
    .map((place) => {
      const drawn = new Moved(place)
      SYMBOLS[turn(slot) % SYMBOLS.length]!.draw(drawn as unknown as CanvasPath, area)
      return drawn.d
    })
    .join('')

/** Straight strokes through the places; a place that is not finite leaves a gap. */
export const stroke = (places: readonly Place[]): string => {
  let d = ''
  let pen = 'M'
  for (const [x, y] of places) {
    const seen = Number.isFinite(x) && Number.isFinite(y)
    if (seen) d += `${pen}${px(x)} ${px(y)}`
    pen = seen ? 'L' : 'M'
  }
  return d
}

/** A closed outline. */
export const outline = (places: readonly Place[]): string => (places.length > 0 ? `${stroke(places)}z` : '')

/** A line in a slot's colour and dash. */
export const curve = (slot: number, d: string, width = 2): Html =>
  xml`<path d="${d}" fill="none" style="stroke:${colour(slot)}" stroke-width="${width}" stroke-linejoin="round"${dash(slot) !== undefined && xml` stroke-dasharray="${dash(slot)}"`}/>`
