/** Plain tables for a terminal: aligned columns, numbers to the right. */
import pc from 'picocolors'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows under their titles, two spaces between columns; a title row is left out if all titles are empty. */
export function columns(heads: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = heads.map((h) => h.title)
  const widths = heads.map((_, i) => Math.max(titles[i]!.length, ...rows.map((r) => (r[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    heads
      .map(({ align }, i) =>
        align === 'right' ? (cells[i] ?? '').padStart(widths[i]!) : (cells[i] ?? '').padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd()
  const head = titles.some(Boolean) ? [pc.dim(line(titles))] : []
  return [...head, ...rows.map(line)].join('\n')
}

/** 1234567 as 1,234,567. */
export const grouped = (value: number): string => value.toLocaleString('en-US')

/** [3, 32, 32] as 3×32×32, N for the batch. */
export const sizes = (shape: readonly number[]): string =>
  shape.map((d) => (d >= 0 ? d : d === -1 ? 'N' : `${-d}N`)).join('×') || 'one number'

/** `1 sample`, `2 samples`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`
