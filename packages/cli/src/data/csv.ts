/** Comma-separated values (RFC 4180): quoted fields, doubled quotes, CR LF or LF, a byte-order mark. */
import { readFile } from 'node:fs/promises'
import { fromSystemError, UsageError } from '../errors.ts'

export interface CsvRow {
  /** From 1, as an editor counts. */
  readonly line: number
  readonly cells: readonly string[]
}

/**
 * Splits text into rows; empty lines are left out, cells are trimmed unless quoted.
 *
 * @throws UsageError for a quote that is never closed
 */
export function parseCsv(text: string, file: string): CsvRow[] {
  const rows: CsvRow[] = []
  const cell = /[^\S\r\n]*(?:"((?:[^"]|"")*)"[^\S\r\n]*|([^",\r\n][^,\r\n]*|))(,|\r\n|\n|\r|$)/y
  cell.lastIndex = text.startsWith('\uFEFF') ? 1 : 0
  let line = 1
  let cells: string[] = []
  let start = 1
  while (cell.lastIndex < text.length || cells.length > 0) {
    const match = cell.exec(text)
    if (!match)
      throw new UsageError(`${file}: line ${line}: a quote is not closed or is followed by text`, {
        hint: 'write a quote inside a quoted field twice',
      })
    const [whole, quoted, plain = '', end] = match
    cells.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'))
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0
    if (end === ',') continue
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: start, cells })
    cells = []
    start = line
    if (end === '') break
  }
  return rows
}

/** Reads a CSV file. @throws UsageError if it cannot be read, is malformed or has no rows */
export async function readCsv(file: string): Promise<CsvRow[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw fromSystemError(error, `read ${file}`)
  }
  const rows = parseCsv(text, file)
  if (rows.length === 0) throw new UsageError(`${file}: the file is empty`)
  return rows
}
