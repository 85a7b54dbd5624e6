/** The digits and letters that stand on signs, as pen strokes in a box 0.6 wide and 1 high, y down. */

import { arc, type Contour, place, type Point, stroke } from './shapes.ts'

type Stroke = readonly Point[]

const bowl = arc([0.29, 0.72], [0.31, 0.28], 270, 520)

const glyphs: Readonly<Record<string, readonly Stroke[]>> = {
  '0': [arc([0.3, 0.5], [0.29, 0.5], 0, 360)],
  '3': [arc([0.28, 0.22], [0.27, 0.22], 205, 440), bowl],
  '5': [[[0.55, 0], [0.12, 0], ...arc([0.27, 0.66], [0.33, 0.34], 222, 515)]],
  '8': [arc([0.3, 0.23], [0.25, 0.23], 0, 360), arc([0.3, 0.73], [0.3, 0.27], 0, 360)],
  O: [arc([0.3, 0.5], [0.3, 0.5], 0, 360)],
  P: [[[0, 1], [0, 0], ...arc([0.3, 0.27], [0.28, 0.27], 270, 450), [0, 0.54]]],
  S: [[...arc([0.3, 0.25], [0.28, 0.25], 335, 90), ...arc([0.3, 0.75], [0.3, 0.25], 285, 520)]],
  T: [
    [
      [0, 0],
      [0.6, 0],
    ],
    [
      [0.3, 0],
      [0.3, 1],
    ],
  ],
}

/**
 * A line of text, centred on the origin.
 *
 * @param height of the strokes' middle line; the pen adds half its width above and below
 * @param width of one character, likewise between middle lines
 * @param pen width of the strokes
 * @param gap between the middle lines of neighbouring characters
 * @throws RangeError for a character that has no glyph
 */
export function text(characters: string, height: number, width: number, pen: number, gap: number): Contour[] {
  const total = characters.length * (width + gap) - gap
  return [...characters].flatMap((character, i) => {
    const strokes = glyphs[character]
    if (!strokes) throw new RangeError(`text: no glyph for '${character}'`)
    const left = i * (width + gap) - total / 2
    return strokes.flatMap((points) =>
      place(
        stroke(
          points.map(([x, y]): Point => [(x / 0.6) * width, (y - 0.5) * height]),
          pen,
        ),
        [left, 0],
      ),
    )
  })
}
