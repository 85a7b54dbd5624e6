/** Weights kept beside the model file: where a tensor says they are, and whether it may say so. */
import { OnnxFormatError, quote } from './errors.ts'
import type { TensorProto } from './onnx_pb.ts'

/**
 * External files by the location written in the model, or a function that fetches one: it is given the location as a
 * normal relative path, and as it stands in the model.
 */
export type ExternalData =
  | ReadonlyMap<string, Uint8Array>
  | ((location: string, written: string) => Uint8Array | Promise<Uint8Array>)

/**
 * Checks the location of an external data file and returns it as a normal relative path with forward slashes.
 * A hostile model must not be able to name a file outside its own folder. Symbolic links are the reader's
 * concern: this function sees only the text.
 *
 * @throws OnnxFormatError if the location is empty, absolute, a URL, or climbs out of the model's folder
 */
export function checkExternalLocation(location: string): string {
  const refuse = (why: string) =>
    new OnnxFormatError(
      `External data location ${quote(location)} ${why}; only files in the model's own folder are read`,
    )
  // oxlint-disable-next-line no-control-regex
  if (location === '' || /[\u0000-\u001f]/.test(location)) throw refuse('is empty or has control characters')
  if (/^[/\\]/.test(location)) throw refuse('is absolute')
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) throw refuse('is absolute or a URL')
  const path: string[] = []
  for (const part of location.split(/[/\\]/)) {
    if (part === '..' && path.pop() === undefined) throw refuse("escapes the model's folder")
    if (part !== '' && part !== '.' && part !== '..') path.push(part)
  }
  if (path.length === 0) throw refuse('names no file')
  return path.join('/')
}

/** The checked location of a tensor's external data. */
export function locationOf(tensor: TensorProto): string {
  return checkExternalLocation(entry(tensor, 'location') ?? '')
}

/**
 * The bytes of a tensor inside its external file, as a view.
 *
 * @throws OnnxFormatError if the file was not provided or does not hold the range
 */
export function externalBytes(tensor: TensorProto, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const location = locationOf(tensor)
  const what = `The data of tensor ${quote(tensor.name)}`
  const file = files.get(location)
  if (file === undefined)
    throw new OnnxFormatError(
      `${what} is in the external file ${quote(location)}, which was not found; keep it beside the model or pass it as externalData`,
    )
  const offset = natural(tensor, 'offset') ?? 0
  const length = natural(tensor, 'length') ?? Math.max(0, file.byteLength - offset)
  if (offset + length > file.byteLength)
    throw new OnnxFormatError(
      `${what} needs bytes ${offset} to ${offset + length} of ${quote(location)}, which has ${file.byteLength}; the file is truncated or belongs to another model`,
    )
  return file.subarray(offset, offset + length)
}

/** Fetches every external file once. */
export async function loadExternalFiles(
  tensors: Iterable<TensorProto>,
  source: ExternalData | undefined,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const tensor of tensors) {
    const location = locationOf(tensor)
    if (source === undefined || files.has(location)) continue
    const bytes = await fetchFile(location, entry(tensor, 'location') ?? location, source)
    if (bytes !== undefined) files.set(location, bytes)
  }
  return files
}

async function fetchFile(location: string, written: string, source: ExternalData) {
  if (typeof source !== 'function') return source.get(location) ?? source.get(written)
  try {
    return await source(location, written)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OnnxFormatError(`The external file ${quote(location)} could not be read: ${reason}`, { cause })
  }
}

function entry(tensor: TensorProto, key: string): string | undefined {
  return tensor.externalData.find((e) => e.key === key)?.value
}

function natural(tensor: TensorProto, key: string): number | undefined {
  const text = entry(tensor, key)
  if (text === undefined || text === '') return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value))
    throw new OnnxFormatError(
      `Tensor ${quote(tensor.name)} has the external data ${key} ${quote(text)}, which is not a file position`,
    )
  return value
}
