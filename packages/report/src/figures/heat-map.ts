/** Matrices as coloured tables, such as which model falls to samples crafted on which other; several side by side. */
import { html as xml, type Html } from '../html.ts'
import { number } from '../format.ts'
import { columnTitles, uprightWidth } from './column-titles.ts'
import { colourBar, colourScale, type ColourScale, type ColourScaleName } from './colour-scale.ts'
import { EDGE, figure, LINE, lines, px, text, type Drawing, type FigureOptions } from './svg.ts'
import { fit, textWidth, wrapUpTo } from './text.ts'

export interface HeatMapPanel {
  /** Needed only where there are several, such as `Ours` and `Published`. */
  readonly title?: string
  /** Row by row; not a number where there is none. */
  readonly values: readonly (readonly number[])[]
}

export interface HeatMapOptions extends FigureOptions {
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  readonly panels: readonly HeatMapPanel[]
  /** What the rows are, such as `Crafted on`. */
  readonly rowTitle?: string
  readonly columnTitle?: string
  /** What the values are, such as `Success rate (%)`. */
  readonly valueTitle: string
  /** @default 'viridis' */
  readonly scale?: ColourScaleName
  /** The range of the colours, the same in all panels. By default that of the values. */
  readonly domain?: readonly [low: number, high: number]
  /** How a value is printed in its cell. @default three significant digits */
  readonly format?: (value: number) => string
}

interface Layout {
  readonly cell: number
  readonly cellHeight: number
  readonly across: boolean
}

const VALUE_SIZES = [13, 12, 11, 10]
/** Cells grow to the first of these for looks, to the second where a word of their title needs it. */
const WIDEST_CELL = 76
const WIDEST_TITLED_CELL = 120
const PANEL_GAP = 28
const NONE = '–'

const check = ({ rows, columns, panels }: HeatMapOptions): void => {
  for (const { title, values } of panels) {
    const columnCounts = [...new Set(values.map((row) => row.length))]
    if (values.length !== rows.length || columnCounts.some((count) => count !== columns.length)) {
      throw new Error(
        `heatMap: the panel${title === undefined ? '' : ` "${title}"`} has ${values.length} rows of ` +
          `${columnCounts.join(' or ')} values; ${rows.length} rows of ${columns.length} are named`,
      )
    }
  }
}

const cells = (
  { rows, columns }: HeatMapOptions,
  { values }: HeatMapPanel,
  scale: ColourScale,
  print: (value: number) => string,
  size: number | undefined,
  { cell, cellHeight }: Layout,
  left: number,
  top: number,
): Html =>
  xml`${values.map((row, r) =>
    row.map((value, c) => {
      const [x, y] = [left + c * cell, top + r * cellHeight]
      return xml`<g class="cell"><title>${`${rows[r]}, ${columns[c]}: ${print(value)}`}</title><rect x="${px(x)}" y="${px(y)}" width="${px(cell)}" height="${px(cellHeight)}" fill="${scale.colour(value)}"${size !== undefined && xml` stroke="var(--paper)"`}${size === undefined && xml` shape-rendering="crispEdges"`}/>${size !== undefined && text(x + cell / 2, y + cellHeight / 2 + size * 0.36, print(value), { anchor: 'middle', fill: scale.ink(value), size })}</g>`
    }),
  )}`

const describe = (options: HeatMapOptions, print: (value: number) => string): string => {
  const { rows, columns, panels, valueTitle, rowTitle = 'rows', columnTitle = 'columns' } = options
  const small = rows.length * columns.length <= 64
  const said = panels.map(({ title, values }) => {
    const body = values.map((row, r) => `${rows[r]}: ${row.map((value, c) => `${columns[c]} ${print(value)}`).join(', ')}.`) // prettier-ignore
    return `${title === undefined ? '' : `${title}. `}${small ? body.join(' ') : ''}`
  })
  return `${valueTitle} by ${rowTitle} (${rows.length}) and ${columnTitle} (${columns.length}). ${said.join(' ')}`
}

/**
 * Matrices as one SVG: colours for the values, and the values themselves where the cells have room for them.
 * @throws where a panel has other rows and columns than are named
 */
export const heatMap = (options: HeatMapOptions): string => {
  check(options)
  const { rows, columns, panels, rowTitle = '', columnTitle, valueTitle, format } = options
  const print = (value: number): string => (Number.isFinite(value) ? (format ?? number)(value) : NONE)
  const all = panels.flatMap(({ values }) => values.flat())
  const scale = colourScale(options.scale ?? 'viridis', all, options.domain)
  const printed = all.map(print)
  return figure(options, describe(options, print), (start, full) => {
    const names = rows.map((name) => fit(name, full * 0.28))
    const rowTitleLines = wrapUpTo(rowTitle, Math.max(90, ...names.map((name) => textWidth(name))), 3)
    const label = Math.max(...names.map((name) => textWidth(name)), ...rowTitleLines.map((one) => textWidth(one))) + 8 // prettier-ignore
    const widest = (size: number) => Math.max(...printed.map((value) => textWidth(value, size))) + 8
    const room = full - 2 * EDGE - label
    const beside = (room - (panels.length - 1) * PANEL_GAP) / (panels.length * columns.length)
    const smallest = Math.min(widest(VALUE_SIZES.at(-1)!), 34)
    // Below each other where cells side by side could not hold their values, and cells of their own row can.
    const across = panels.length === 1 || beside >= smallest
    const count = across ? panels.length * columns.length : columns.length
    const table = across ? room - (panels.length - 1) * PANEL_GAP : room
    const titled = Math.min(uprightWidth(columns), WIDEST_TITLED_CELL)
    const upright = Math.min(Math.max(WIDEST_CELL, titled), table / count)
    const { reach } = columnTitles(columns, upright)
    // Half a cell of the last leaning title stands over its own column.
    const cell = reach === 0 ? upright : Math.min(WIDEST_CELL, table / count, (table - reach) / (count - 0.5))
    const heads = columnTitles(columns, cell)
    const size = VALUE_SIZES.find((one) => widest(one) <= cell)
    const cellHeight = size === undefined ? Math.min(cell, Math.max(3, 480 / rows.length)) : Math.max(26, Math.min(40, cell * 0.7)) // prettier-ignore
    const layout: Layout = { cell, cellHeight, across }
    const every = Math.max(1, Math.ceil(14 / cellHeight))

    const panel = ({ title, values }: HeatMapPanel, index: number, at: number, top: number): Drawing => {
      const left = at + (across && index > 0 ? 0 : label)
      const columnTop = top + (title === undefined ? 0 : LINE + 4)
      const headTop = columnTop + (columnTitle === undefined ? 0 : LINE + 2)
      const tableTop = headTop + Math.max(heads.height, rowTitleLines.length * LINE + 4)
      const wide = columns.length * cell
      const words = columnTitle === undefined ? [] : [fit(columnTitle, Math.max(wide, 120))]
      const own = !across || index === 0
      const body = xml`${title !== undefined && text(left, top + 13, fit(title, Math.max(wide, 120), undefined, true), { class: 'strong' })}
${lines(left, columnTop + 13, words, { class: 'quiet' })}
${own && lines(at, tableTop - 6 - (rowTitleLines.length - 1) * LINE, rowTitleLines, { class: 'quiet' })}
${heads.above(left, tableTop)}
${own && names.map((name, r) => r % every === 0 && text(left - 8, tableTop + (r + 0.5) * cellHeight + 4.5, name, { anchor: 'end' }))}
${cells(options, { values }, scale, print, size, layout, left, tableTop)}`
      return { body, height: tableTop + rows.length * cellHeight }
    }

    const drawn: Drawing[] = []
    let [x, y] = [EDGE, start]
    for (const [index, one] of panels.entries()) {
      drawn.push(panel(one, index, x, y))
      if (across) x += columns.length * cell + PANEL_GAP + (index === 0 ? label : 0)
      else y = drawn.at(-1)!.height + PANEL_GAP
    }
    const bottom = Math.max(start, ...drawn.map(({ height }) => height))
    const bar = colourBar(scale, valueTitle, EDGE + label, bottom + 14, Math.min(260, full - 2 * EDGE - label - 20), format) // prettier-ignore
    return { body: [...drawn.map(({ body }) => body), bar.body], height: bar.height + EDGE - 4 }
  })
}
