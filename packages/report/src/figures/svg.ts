/** The frame of every figure: one SVG that is complete by itself, in a page and as a file, light and dark. */
import { html as xml, raw, type Content, type Html } from '../html.ts'
import { FONT, palette } from '../palette.ts'
import { SIZE, wrap } from './text.ts'

/** What all figures take. */
export interface FigureOptions {
  /** Shown above the figure, and its name to a screen reader. */
  readonly title: string
  /** The figure in words, for who cannot see it; made from the data where left out. */
  readonly description?: string
  /** In CSS pixels. @default 720 */
  readonly width?: number
}

export const WIDTH = 720
/** Height of a line of text, and of a line of the title. */
export const LINE = 17
export const TITLE_LINE = 21
/** Space around the figure, so that nothing touches its edge. */
export const EDGE = 12
const TITLE_SIZE = 15

/** The style sheet that each figure carries, and a page with figures holds once. */
export const FIGURE_STYLE = `${palette('.figure')}
.figure { font-family: ${FONT}; font-size: ${SIZE}px; }
.figure text { fill: var(--ink); white-space: pre; font-variant-numeric: tabular-nums; }
.figure .title { font-size: ${TITLE_SIZE}px; font-weight: 600; }
.figure .strong { font-weight: 600; }
.figure .quiet { fill: var(--muted); }
.figure .good { fill: var(--good); }
.figure .bad { fill: var(--bad); }
.figure .halo, .figure .value { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.figure .small { font-size: 12px; }
.figure .grid { stroke: var(--line); }
.figure .frame { stroke: var(--muted); fill: none; }
.figure .pixels { image-rendering: crisp-edges; image-rendering: pixelated; }
.figure .background { fill: var(--paper); }`

const STYLE_ELEMENT = xml`<style>${raw(FIGURE_STYLE)}</style>`

/** A figure to be put into a page that has the style sheet. */
export const inline = (svg: string): Html => raw(svg.replace(STYLE_ELEMENT.text, ''))

/** A coordinate, to a hundredth of a pixel. */
export const px = (value: number): number => Math.round(value * 100) / 100

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end'
  /** Classes of the figure's style sheet: `title`, `strong`, `quiet`, `small`, `good`, `bad`. */
  readonly class?: string
  readonly fill?: string
  readonly size?: number
  /** Turned about its anchor, in degrees. */
  readonly rotate?: number
}

/** One line of text on its baseline. */
export const text = (x: number, y: number, content: string, options: TextOptions = {}): Html => {
  const { anchor = 'start', fill, size, rotate } = options
  return xml`<text x="${px(x)}" y="${px(y)}"${anchor !== 'start' && xml` text-anchor="${anchor}"`}${options.class !== undefined && xml` class="${options.class}"`}${fill !== undefined && xml` style="fill:${fill}"`}${size !== undefined && xml` font-size="${size}"`}${rotate !== undefined && xml` transform="rotate(${rotate} ${px(x)} ${px(y)})"`}>${content}</text>`
}

/** Lines of text, the first on the baseline `y`. */
export const lines = (x: number, y: number, all: readonly string[], options?: TextOptions): Html =>
  xml`${all.map((one, index) => one !== '' && text(x, y + index * LINE, one, options))}`

export interface Drawing {
  readonly body: Content
  readonly height: number
}

/** A whole figure: the title above what `draw` draws from the given height on. */
export const figure = (
  options: FigureOptions,
  description: string,
  draw: (top: number, width: number) => Drawing,
): string => {
  const { title, width = WIDTH } = options
  const titleLines = wrap(title, width - 2 * EDGE, TITLE_SIZE, true)
  const top = EDGE + titleLines.length * TITLE_LINE + 4
  const { body, height } = draw(top, width)
  const size = `${px(width)} ${px(height)}`
  return xml`<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" viewBox="0 0 ${size}" width="${px(width)}" height="${px(height)}"><title>${title}</title><desc>${options.description ?? description}</desc>${STYLE_ELEMENT}<rect class="background" width="100%" height="100%"/>
${titleLines.map((line, index) => text(EDGE, EDGE + 14 + index * TITLE_LINE, line, { class: 'title' }))}
${body}
</svg>
`.text
}
