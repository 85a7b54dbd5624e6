/** Text of the form `name:option=value,…`, in which members of an axis are chosen. */
import type { z } from 'zod'
import { parseFraction } from './conventions.ts'

/**
 * @param fail makes the error for a pair that is not written `option=value`
 * @returns the name, and the pairs in their order; numbers, fractions and truth values are read as such
 */
export function readOptions(
  text: string,
  fail: (message: string) => Error,
): { readonly name: string; readonly options: readonly (readonly [string, unknown])[] } {
  const [name = '', rest] = split(text.trim(), ':')
  const options = (rest ? rest.split(',') : []).map((pair) => {
    const [key = '', value] = split(pair, '=')
    if (value === undefined) throw fail(`${name}: "${pair}" is not written option=value`)
    return [key, parseValue(value)] as const
  })
  return { name, options }
}

/** The two sides of the first separator. */
function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return parseFraction(text) ?? text
}

/**
 * The options of a member of an axis: those given, and the defaults of the others.
 *
 * @param name of the member
 * @param fail makes the error for an option that there is not, or that is out of range
 */
export function checkedOptions<Options extends z.ZodObject>(
  name: string,
  schema: Options,
  given: object | undefined,
  fail: (message: string) => Error,
): z.output<Options> {
  const parsed = schema.strict().safeParse(given ?? {})
  if (!parsed.success) throw fail(`${name}: ${toldOf(parsed.error, schema)}`)
  return parsed.data as z.output<Options>
}

/** What is wrong with options, in a line. */
function toldOf(error: z.ZodError, { shape }: z.ZodObject): string {
  const told = error.issues.map((issue) => {
    if (issue.code !== 'unrecognized_keys') return `option ${issue.path.join('.')}: ${issue.message}`
    return `no option ${issue.keys.join(', ')}; it has ${Object.keys(shape).join(', ') || 'none'}`
  })
  return told.join('; ')
}
