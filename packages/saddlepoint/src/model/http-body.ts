/** What is sent to an endpoint for samples, and the scores or labels that are read out of what comes back. */
import type { NDArray } from '@saddlepoint/autodiff'
import { ClassifierError } from './errors.ts'
import type { HttpDescription } from './http-description.ts'

/** A sample [1, …] as the bytes of a PNG file. */
export type EncodePicture = (sample: NDArray) => Promise<Uint8Array>

/** @param samples one array [1, …] for each */
export async function bodyOf(
  description: HttpDescription,
  samples: readonly NDArray[],
  encode: EncodePicture | undefined,
): Promise<{ json: unknown } | { body: FormData }> {
  const png = async () => {
    if (!encode)
      throw new ClassifierError('this target is sent pictures, and nothing was given to encode them')
    return encode(samples[0]!)
  }
  if (description.multipart) {
    const form = new FormData()
    for (const [key, value] of Object.entries(description.multipart.fields)) form.set(key, value)
    const file = new Blob([(await png()).slice()], { type: 'image/png' })
    form.set(description.multipart.field, file, 'sample.png')
    return { body: form }
  }
  const values = samples.map((s) => nested(s.data as Float32Array, s.dims.slice(1)))
  const picture = JSON.stringify(description.json).includes('"$png"') ? base64(await png()) : ''
  const places: Record<string, unknown> = { $sample: values[0], $samples: values, $png: picture }
  return { json: filled(description.json, places) }
}

function filled(template: unknown, places: Readonly<Record<string, unknown>>): unknown {
  if (typeof template === 'string') return Object.hasOwn(places, template) ? places[template] : template
  if (Array.isArray(template)) return template.map((t) => filled(t, places))
  if (template === null || typeof template !== 'object') return template
  return Object.fromEntries(Object.entries(template).map(([key, t]) => [key, filled(t, places)]))
}

function nested(values: Float32Array, dims: readonly number[]): unknown {
  if (dims.length <= 1) return Array.from(values)
  const size = values.length / dims[0]!
  return Array.from({ length: dims[0]! }, (_, i) =>
    nested(values.subarray(i * size, (i + 1) * size), dims.slice(1)),
  )
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

/** The scores (NaN where a class is not told) or the one label of each sample, in a row. */
export function readAnswer(description: HttpDescription, answer: unknown, count: number): number[][] {
  const found = at(answer, description.path)
  const entries = count > 1 || Array.isArray(placeOfSeveral(description, found)) ? found : [found]
  if (!Array.isArray(entries) || entries.length !== count)
    throw wrong(description, `it holds no list of ${count} results`, answer)
  return entries.map((entry) =>
    description.access === 'labels'
      ? [classOf(description, entry, answer)]
      : scoresOf(description, entry, answer),
  )
}

/** Templates with "$samples" are answered by lists even where one sample was sent. */
const placeOfSeveral = ({ json }: HttpDescription, found: unknown) =>
  JSON.stringify(json ?? '').includes('"$samples"') ? found : undefined

function at(answer: unknown, path: string): unknown {
  const keys = path
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter(Boolean)
  return keys.reduce<unknown>(
    (value, key) =>
      value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[key] : undefined,
    answer,
  )
}

function scoresOf(description: HttpDescription, entry: unknown, answer: unknown): number[] {
  const classes = classCount(description)
  const row = Array.from({ length: classes }, () => Number.NaN)
  if (Array.isArray(entry) && entry.every((v) => typeof v === 'number')) {
    if (entry.length !== classes)
      throw wrong(description, `it has ${entry.length} scores for ${classes} classes`, answer)
    return entry
  }
  const { label = 'label', score = 'score' } = description
  const told: [unknown, unknown][] = Array.isArray(entry)
    ? entry.map((e) => [at(e, label), at(e, score)])
    : entry !== null && typeof entry === 'object'
      ? Object.entries(entry)
      : []
  if (!told.length) throw wrong(description, 'it holds no scores', answer)
  for (const [name, value] of told) {
    if (typeof value !== 'number') throw wrong(description, `"${String(name)}" has no number`, answer)
    row[classOf(description, name, answer)] = value
  }
  return row
}

function classOf(description: HttpDescription, entry: unknown, answer: unknown): number {
  const { classNames, label } = description
  const named = entry !== null && typeof entry === 'object' ? at(entry, label ?? 'label') : entry
  const index = classNames?.indexOf(String(named)) ?? -1
  const number =
    index >= 0 ? index : Number(typeof named === 'string' && named.trim() === '' ? Number.NaN : named)
  if (!Number.isInteger(number) || number < 0 || number >= classCount(description))
    throw wrong(description, `${JSON.stringify(named)} is no class`, answer)
  return number
}

export const classCount = ({ classes, classNames }: HttpDescription) => classes ?? classNames!.length

function wrong({ url, path }: HttpDescription, what: string, answer: unknown): ClassifierError {
  const text = JSON.stringify(answer) ?? String(answer)
  return new ClassifierError(
    `${url}: ${path ? `at "${path}" of the answer` : 'in the answer'}: ${what}; the answer begins with ${text.slice(0, 120)}: check "path", "access" and the classes`,
  )
}
