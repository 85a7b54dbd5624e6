/** CSV tables: rows of numbers, one column of which is the class. */
import { UsageError } from '../errors.ts'
import { readCsv, type CsvRow } from './csv.ts'
import type { Format } from './format.ts'
import { findClassIndex, resolveLabels } from './labels.ts'

const labelColumn = /^(label|class|target|y)$/i

const isNumber = (cell: string) => cell !== '' && Number.isFinite(Number(cell))

/**
 * The header, if the first row is all words or names the label's column (data frames number the others); without a
 * named one the label comes last.
 */
function columns([first]: readonly CsvRow[]): { header?: readonly string[]; label: number } {
  const { cells } = first!
  const named = cells.findIndex((cell) => labelColumn.test(cell))
  if (named >= 0) return { header: cells, label: named }
  return { ...(!cells.some(isNumber) && { header: cells }), label: cells.length - 1 }
}

export const table: Format = {
  form: 'a table: a .csv file of numbers with the class in the column label (or class, target, y), else in the last',

  detect: ({ name, files }) => !files && name.toLowerCase().endsWith('.csv'),

  async read({ path, name }, options) {
    const all = await readCsv(path)
    const { header, label } = columns(all)
    const rows = header ? all.slice(1) : all
    const width = all[0]!.cells.length
    if (rows.length === 0) throw new UsageError(`${path}: holds a header but no rows`)
    if (width < 2)
      throw new UsageError(`${path}: has one column, expected numbers and a label, split by commas`)
    const features = width - 1
    const values = new Float32Array(rows.length * features)
    rows.forEach(({ line, cells }, row) => {
      if (cells.length !== width)
        throw new UsageError(`${path}: line ${line} has ${cells.length} cells, the first line ${width}`)
      let at = row * features
      cells.forEach((cell, column) => {
        if (column === label) return
        if (!isNumber(cell))
          throw new UsageError(
            `${path}: line ${line}, column ${header?.[column] ?? column + 1}: '${cell}' is not a number`,
            { hint: 'encode categories as numbers and fill or drop missing values' },
          )
        values[at++] = Number(cell)
      })
    })
    const names = rows.map(({ cells }) => cells[label]!)
    const missing = names.indexOf('')
    if (missing >= 0) throw new UsageError(`${path}: line ${rows[missing]!.line} has no label`)
    const { indexOf, labelNames, notes } = resolveLabels({
      names,
      where: path,
      index: findClassIndex(options.labels, []),
      asked: options.labels !== undefined,
      mixed: false,
    })
    const shape = [features]
    return {
      name,
      kind: 'table',
      count: rows.length,
      labels: names.map(indexOf),
      ...(header && { columns: header.filter((_, column) => column !== label) }),
      ...(labelNames && { labelNames }),
      sources: (i) => `line ${rows[i]!.line}`,
      notes,
      shape,
      read: async (i) => ({ shape, data: values.subarray(i * features, (i + 1) * features) }),
    }
  },
}
