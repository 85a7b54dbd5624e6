/** Options of a schema as rows of a table. */
import type { optionsOf } from 'saddlepoint'

export interface OptionRow {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly description: string
}

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
}

export function optionsOfSchema(schema: ReturnType<typeof optionsOf>): OptionRow[] {
  const { properties = {} } = schema.toJSONSchema({ io: 'input' })
  return Object.entries(properties as Record<string, JsonSchema>).map(([name, option]) => ({
    name,
    type: typeOf(option),
    default: option.default ?? defaultOf(schema.shape[name]),
    description: option.description ?? '',
  }))
}

/** Where values are read from text, JSON Schema has no place for the default, which is a value already. */
function defaultOf(option: unknown): unknown {
  const { def } = option as { def: { type: string; defaultValue?: unknown } }
  return def.type === 'default' ? def.defaultValue : undefined
}

function typeOf({ type, enum: values, anyOf, minimum, maximum }: JsonSchema): string {
  if (values) return values.join(' | ')
  // A number or a fraction such as 8/255.
  if (anyOf) return anyOf.some((s) => s.type === 'number') ? 'number' : anyOf.map(typeOf).join(' | ')
  if (Array.isArray(type)) return type.includes('number') ? 'number' : type.join(' | ')
  const bounded = type === 'integer' || type === 'number'
  // Integers come with the bounds of what JavaScript can count.
  const low = bounded && minimum !== undefined && minimum > -(2 ** 53) ? ` ≥ ${minimum}` : ''
  const high = bounded && maximum !== undefined && maximum < 2 ** 53 - 1 ? ` ≤ ${maximum}` : ''
  return `${String(type ?? 'value')}${low}${high}`
}
