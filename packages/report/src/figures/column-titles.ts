/** Titles of columns: upright over or under them while they fit, else leaning. */
import type { Content } from '../html.ts'
import { LINE, lines, text } from './svg.ts'
import { fit, textWidth, wrap } from './text.ts'

export interface ColumnTitles {
  readonly height: number
  /** How far leaning ones extend sideways from the middle of their column; 0 for upright ones. */
  readonly reach: number
  /** Above the columns, down to `edge`. */
  readonly above: (left: number, edge: number) => Content
  /** Below the columns, from `edge` on. */
  readonly below: (left: number, edge: number) => Content
}

const SIZE = 12
const MOST_LINES = 3
const LONGEST = 150

/** Width of a column in which the longest word still stands upright. */
export const uprightWidth = (names: readonly string[]): number =>
  Math.max(...names.flatMap((name) => name.split(' ')).map((word) => textWidth(word, SIZE))) + 7

/** The titles of columns that are `width` pixels wide; those without room are left out. */
export const columnTitles = (names: readonly string[], width: number): ColumnTitles => {
  const middle = (left: number, index: number) => left + (index + 0.5) * width
  const broken = names.map((name) => wrap(name, width - 6, SIZE))
  const most = Math.max(...broken.map(({ length }) => length))
  // A word broken inside is worse than a leaning one.
  if (uprightWidth(names) <= width + 1 && most <= MOST_LINES) {
    const upright = (left: number, baseline: (words: readonly string[]) => number) =>
      broken.map((words, index) => lines(middle(left, index), baseline(words), words, { anchor: 'middle', class: 'small' })) // prettier-ignore
    return {
      height: most * LINE + 4,
      reach: 0,
      above: (left, edge) => upright(left, (words) => edge - 6 - (words.length - 1) * LINE),
      below: (left, edge) => upright(left, () => edge + 15),
    }
  }
  const cut = names.map((name) => fit(name, LONGEST, SIZE))
  const reach = Math.max(...cut.map((name) => textWidth(name, SIZE))) * Math.SQRT1_2 + 16
  const every = Math.max(1, Math.ceil(18 / width))
  const leaning = (draw: (name: string, index: number) => Content) =>
    cut.map((name, index) => index % every === 0 && draw(name, index))
  return {
    height: reach,
    reach,
    above: (left, edge) =>
      leaning((name, index) =>
        text(middle(left, index) + 3, edge - 6, name, { class: 'small', rotate: -45 }),
      ),
    below: (left, edge) =>
      leaning((name, index) => {
        const x = middle(left, index) + 4
        // The first ones lean towards the edge of the figure.
        return text(x, edge + 12, fit(name, (x - 14) * Math.SQRT2, SIZE), { class: 'small', rotate: -45, anchor: 'end' }) // prettier-ignore
      }),
  }
}
