/** `--columns FILE.json`: what the columns of a table may become, with ranges taken from the data where the file says none. */
import { readFileSync } from 'node:fs'
import { ClassifierError, columns, columnsSchema, type Perturbation } from 'saddlepoint'
import type { Dataset } from './data/index.ts'
import { fromSystemError, UsageError } from './errors.ts'

export interface ColumnRules {
  readonly set: Perturbation
  /** Smallest and largest value that any column may have. */
  readonly bounds: readonly [number, number]
}

/** @throws UsageError if the file cannot be read, is malformed, or does not fit the data */
export async function columnRules(path: string, data: Dataset): Promise<ColumnRules> {
  if (data.kind !== 'table')
    throw new UsageError(`--columns is for tables, and ${data.name} holds pictures`, {
      hint: 'leave --columns out',
    })
  const schema = readJson(path)
  const ranges = await rangesOf(data)
  try {
    const set = columns(schema, data.shape[0]!, data.columns, ranges)
    const said = Object.values(columnsSchema.parse(schema).columns).flatMap(({ min, max }) => [min, max])
    const all = [...ranges.flat(), ...said.filter((v) => v !== undefined), 0, 1]
    return { set, bounds: [Math.min(...all), Math.max(...all)] }
  } catch (error) {
    if (error instanceof ClassifierError)
      throw new UsageError(`${path}: ${error.message.replace(/^columns: /, '')}`, { cause: error })
    throw error
  }
}

/** Smallest and largest value of each column. */
export async function rangesOf(data: Dataset): Promise<[number, number][]> {
  const width = data.shape.reduce((p, d) => p * d, 1)
  const ranges = Array.from({ length: width }, (): [number, number] => [Infinity, -Infinity])
  for (let from = 0; from < data.length; from += 4096)
    (await data.batch(from, from + 4096)).data.forEach((v, i) => {
      const range = ranges[i % width]!
      range[0] = Math.min(range[0], Number(v))
      range[1] = Math.max(range[1], Number(v))
    })
  return ranges
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`${path}: not valid JSON: ${error.message}`)
    throw fromSystemError(error, `read ${path}`)
  }
}
