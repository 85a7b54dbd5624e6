/** What a schema says of the columns of a table, read, checked, and held against changes on the host. */
import { z } from 'zod'
import { ClassifierError } from '../model/errors.ts'

const price = z.number().min(0).describe('price of a change by 1')

export const columnSchema = z.strictObject({
  immutable: z.boolean().optional().describe('it stays as it is'),
  integer: z.boolean().optional().describe('it changes by whole numbers'),
  min: z.number().optional().describe('smallest value'),
  max: z.number().optional().describe('largest value'),
  direction: z.enum(['up', 'down']).optional().describe('the only way it may go'),
  cost: price.optional(),
})

export const columnsSchema = z.strictObject({
  norm: z
    .enum(['l1', 'linf'])
    .default('l1')
    .describe('whether costs add up (l1) or the highest one counts (linf)'),
  columns: z.record(z.string(), columnSchema).default({}).describe('by name, or by number from 0'),
  groups: z
    .array(
      z.strictObject({
        columns: z.array(z.union([z.string(), z.number().int()])).min(2),
        immutable: z.boolean().optional(),
        cost: z.number().min(0).default(1).describe('price of another choice'),
      }),
    )
    .default([])
    .describe('columns of which exactly one is 1 and the others are 0'),
})
export type ColumnsSchema = z.input<typeof columnsSchema>

/** Room for rounding in what must hold of a changed row. */
export const SLACK = 1e-5
export interface Column {
  readonly low: number
  readonly high: number
  readonly direction: -1 | 0 | 1
  readonly integer: boolean
  /** Price of a change by 1; of the whole switch at the first column of a group, and 0 at its others. */
  readonly cost: number
  /** Index of its group, or −1. */
  readonly group: number
}

export function readColumns(
  { columns: given, groups }: z.output<typeof columnsSchema>,
  count: number,
  names: readonly string[],
  ranges: readonly (readonly [number, number])[],
): Column[] {
  const indexOf = (name: string | number): number => {
    const at = names.indexOf(String(name))
    const index = at >= 0 ? at : Number(name)
    if (Number.isInteger(index) && index >= 0 && index < count && String(name).trim() !== '') return index
    throw new ClassifierError(
      `columns: there is no column "${name}"; there are ${names.length ? names.join(', ') : `0 to ${count - 1}`}`,
    )
  }
  const rules = new Map(Object.entries(given).map(([name, rule]) => [indexOf(name), { name, ...rule }]))
  const list = Array.from({ length: count }, (_, j): Column => {
    const rule = rules.get(j)
    const [low, high] = [rule?.min ?? ranges[j]?.[0] ?? -Infinity, rule?.max ?? ranges[j]?.[1] ?? Infinity]
    if (low > high) throw new ClassifierError(`columns: ${rule?.name ?? j}: min ${low} is above max ${high}`)
    const direction = rule?.direction === 'up' ? 1 : rule?.direction === 'down' ? -1 : 0
    const still = rule?.immutable ? { low: Infinity, high: -Infinity } : { low, high }
    return { ...still, direction, integer: rule?.integer ?? false, cost: rule?.cost ?? 1, group: -1 }
  })
  for (const [g, group] of groups.entries())
    for (const [k, name] of group.columns.entries()) {
      const j = indexOf(name)
      if (list[j]!.group >= 0) throw new ClassifierError(`columns: "${name}" is in two groups`)
      if (rules.has(j))
        throw new ClassifierError(
          `columns: "${name}" is in a group, and has rules of its own; the group has them`,
        )
      const range = group.immutable ? { low: Infinity, high: -Infinity } : { low: 0, high: 1 }
      list[j] = { ...range, direction: 0, integer: false, cost: k === 0 ? group.cost : 0, group: g }
    }
  return list
}

export const isStill = ({ low, high }: Column) => low > high

/**
 * Price of a change; infinite if the schema forbids it.
 *
 * @param values the change, then the row it is made to
 */
export function costOf(
  values: Float64Array,
  list: readonly Column[],
  members: readonly (readonly number[])[],
  norm: 'l1' | 'linf',
): number {
  const d = list.length
  const prices: number[] = []
  for (const [j, c] of list.entries()) {
    const [change, from] = [values[j]!, values[d + j]!]
    if (change === 0) continue
    const to = from + change
    if (isStill(c) || change * c.direction < 0) return Infinity
    if (c.integer && Math.abs(change - Math.round(change)) > SLACK) return Infinity
    const slack = SLACK * Math.max(1, Math.abs(from))
    if (to < Math.min(c.low, from) - slack || to > Math.max(c.high, from) + slack) return Infinity
    if (c.group < 0) prices.push(Math.abs(change) * c.cost)
  }
  for (const group of members) {
    if (group.every((j) => values[j] === 0)) continue
    const after = group.map((j) => values[d + j]! + values[j]!)
    const isOneHot = after.every((v) => Math.min(Math.abs(v), Math.abs(v - 1)) <= SLACK)
    if (!isOneHot || Math.abs(after.reduce((s, v) => s + v, 0) - 1) > SLACK) return Infinity
    prices.push(list[group[0]!]!.cost)
  }
  return norm === 'l1' ? prices.reduce((s, v) => s + v, 0) : Math.max(0, ...prices)
}
