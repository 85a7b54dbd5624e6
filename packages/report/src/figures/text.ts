/**
 * How wide a text will be, without a font at hand: advance widths of DejaVu Sans, about the widest of the fonts that
 * `system-ui` and `sans-serif` stand for, so that what fits by this estimate fits on every screen.
 */

/** Size of ordinary text in CSS pixels. */
export const SIZE = 13

const WIDTHS: readonly (readonly [characters: string, em: number])[] = [
  ["ijlI|!'.,:; \u00a0", 0.32],
  ['frtJ()[]{}-/\\"·', 0.42],
  ['sczy_*?–', 0.56],
  ['mMW@%—…→', 1],
  ['wOQGDN+=<>×−±≤≥≠~^#∞', 0.84],
  ['ABCEFHKLPRSTUVXYZ&', 0.72],
]
const WIDTH = new Map(WIDTHS.flatMap(([characters, em]) => [...characters].map((one) => [one, em] as const)))

/** Ideographs, kana, hangul and full-width forms are as wide as they are high. */
const WIDE = /[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/

const em = (character: string): number => WIDTH.get(character) ?? (WIDE.test(character) ? 1.02 : 0.64)

/** Width of a text in CSS pixels, for a font of `size` pixels; bold is about a tenth wider. */
export const textWidth = (text: string, size: number = SIZE, bold = false): number => {
  let sum = 0
  for (const character of text) sum += em(character)
  return sum * size * (bold ? 1.1 : 1)
}

/** The text, cut with an ellipsis where it is wider than `width`. */
export const fit = (text: string, width: number, size?: number, bold?: boolean): string => {
  if (textWidth(text, size, bold) <= width) return text
  const characters = [...text]
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size, bold) > width) characters.pop()
  return `${characters.join('').trimEnd()}…`
}

/** The text in lines no wider than `width`, broken between words, or inside of one that is wider by itself. */
export const wrap = (text: string, width: number, size?: number, bold?: boolean): string[] => {
  const lines: string[] = []
  let line = ''
  const fits = (candidate: string) => textWidth(candidate, size, bold) <= width
  for (const word of text.split(/ +/)) {
    if (line !== '' && fits(`${line} ${word}`)) {
      line = `${line} ${word}`
      continue
    }
    if (line !== '') lines.push(line)
    line = ''
    for (const character of word) {
      if (line !== '' && !fits(line + character)) {
        lines.push(line)
        line = ''
      }
      line += character
    }
  }
  if (line !== '' || lines.length === 0) lines.push(line)
  return lines
}

/** At most `most` lines; the last one ends in an ellipsis where something was left out. */
export const wrapUpTo = (text: string, width: number, most: number, size?: number): string[] => {
  const lines = wrap(text, width, size)
  if (lines.length <= most) return lines
  return [...lines.slice(0, most - 1), fit(`${lines.slice(most - 1).join(' ')}…`, width, size)]
}
