/** Pictures in rows and columns with captions above them, such as originals over their adversarial forms. */
import { html as xml, type Html } from '../html.ts'
import { drawable, picture, type Shape } from '../png.ts'
import { EDGE, figure, LINE, lines, px, type FigureOptions } from './svg.ts'
import { textWidth, wrapUpTo } from './text.ts'

export interface GridImage {
  /** [C, H, W] in [0, 1], C = 1 or 3; values outside are clamped. */
  readonly pixels: Float32Array
  readonly shape: Shape
  /** What the model says of it, or what it is. */
  readonly caption?: string
  /** Whether the caption is what should be: green with a tick, or red with a cross. */
  readonly tone?: 'good' | 'bad'
}

export interface GridRow {
  readonly title?: string
  readonly images: readonly GridImage[]
}

export interface ImageGridOptions extends FigureOptions {
  readonly rows: readonly GridRow[]
  /** Titles of the columns. */
  readonly columns?: readonly string[]
  /** Largest side of a picture in CSS pixels. @default 150 */
  readonly side?: number
}

const GAP = 10
const CAPTION = 12
const CAPTION_LINES = 3
const SIGNS = { good: '✓ ', bad: '✕ ' }

const caption = ({ caption: words, tone }: GridImage): string =>
  words === undefined ? '' : `${tone ? SIGNS[tone] : ''}${words}`

const check = (rows: readonly GridRow[]): void => {
  for (const [r, { images }] of rows.entries()) {
    for (const [c, { pixels, shape }] of images.entries()) {
      if (!drawable(shape, pixels))
        throw new Error(
          `imageGrid: row ${r}, column ${c}: ${pixels.length} values of shape [${shape.join(', ')}] are no picture; ` +
            'give [1, H, W] or [3, H, W]',
        )
    }
  }
}

const describe = ({ rows, columns = [] }: ImageGridOptions): string => {
  const said = rows.map(({ title, images }, r) => {
    const words = images.map((image, c) => caption(image) || columns[c] || `picture ${c + 1}`)
    return `${title ?? `Row ${r + 1}`}: ${words.join(', ')}.`
  })
  return said.join(' ')
}

/**
 * Pictures as one SVG; the pixels of small ones stay sharp.
 * @throws where an image is no picture of one or three channels
 */
export const imageGrid = (options: ImageGridOptions): string => {
  const { rows, columns = [], side = 150 } = options
  check(rows)
  return figure(options, describe(options), (start, full) => {
    const most = Math.max(1, columns.length, ...rows.map(({ images }) => images.length))
    const titles = rows.map(({ title = '' }) => wrapUpTo(title, Math.min(120, full * 0.2), 5))
    const titleWidth = Math.max(0, ...titles.flat().map((line) => textWidth(line)))
    const left = EDGE + (titleWidth > 0 ? titleWidth + GAP : 0)
    const column = Math.min(side + GAP, (full - left - EDGE + GAP) / most)
    const picked = column - GAP
    const heads = columns.map((name) => wrapUpTo(name, picked, CAPTION_LINES))
    const headHeight = Math.max(0, ...heads.map(({ length }) => length)) * LINE

    const body: Html[] = [
      xml`${heads.map((words, c) => lines(left + c * column + picked / 2, start + 13 + headHeight - words.length * LINE, words, { anchor: 'middle', class: 'strong' }))}`,
    ]
    let top = start + (headHeight > 0 ? headHeight + 6 : 0)
    for (const [r, { images }] of rows.entries()) {
      const captions = images.map((image) => wrapUpTo(caption(image), picked, CAPTION_LINES, CAPTION))
      const captionHeight = images.some((image) => image.caption !== undefined)
        ? Math.max(...captions.map(({ length }) => length)) * LINE
        : 0
      const from = top + captionHeight + (captionHeight > 0 ? 2 : 0)
      const sizes = images.map(({ shape: [, height, width] }) => {
        const scale = picked / Math.max(height, width)
        return { width: width * scale, height: height * scale, grown: scale > 1 }
      })
      const tallest = Math.max(0, ...sizes.map(({ height }) => height))
      body.push(
        xml`${lines(EDGE, from + tallest / 2 + 5 - ((titles[r]!.length - 1) * LINE) / 2, titles[r]!)}`,
        ...images.map((image, c) => {
          const { width, height, grown } = sizes[c]!
          const centre = left + c * column + picked / 2
          const words = captions[c]!
          const last = top + captionHeight - 4 - (words.length - 1) * LINE
          return xml`${caption(image) !== '' && lines(centre, last, words, { anchor: 'middle', class: image.tone ? `small ${image.tone}` : 'small' })}
<image x="${px(centre - width / 2)}" y="${px(from)}" width="${px(width)}" height="${px(height)}" href="${picture(image.pixels, image.shape)}"${grown && xml` class="pixels"`}><title>${caption(image) || columns[c] || ''}</title></image>`
        }),
      )
      top = from + tallest + GAP + 4
    }
    return { body, height: top + EDGE - GAP }
  })
}
