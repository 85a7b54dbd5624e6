/** The single pictures and arrays that a person hands to a command, brought to the form a model is attacked in. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { basename, extname } from 'node:path'
import { decodeImage, openNpy, preparePicture, UnreadableSample, type LoadOptions } from './data/index.ts'
import { UsageError } from './errors.ts'

export interface Input {
  /** The file, with the row in it if it holds several. */
  readonly source: string
  /** File name without folder and extension, with the row if there are several; unique in one call. */
  readonly name: string
  /** [1, …], pictures in [0, 1]. */
  readonly x: NDArray
}

export interface Inputs {
  readonly inputs: readonly Input[]
  readonly skipped: readonly { readonly file: string; readonly reason: string }[]
}

/**
 * Reads picture files, and `.npy` files of one sample or a batch; what cannot be read is skipped and told.
 *
 * @param shape of one sample as the model wants it, without the batch: tells one sample from a batch of them
 * @throws UsageError if nothing is left
 */
export async function readInputs(
  paths: readonly string[],
  shape: readonly number[],
  picture: Pick<LoadOptions, 'resize' | 'crop' | 'channels'>,
): Promise<Inputs> {
  const inputs: Input[] = []
  const skipped: Inputs['skipped'][number][] = []
  const taken = new Set<string>()
  for (const path of paths)
    try {
      const rows = path.endsWith('.npy') ? await readArray(path, shape) : [await readPicture(path, picture)]
      const stem = basename(path, extname(path))
      for (const [i, x] of rows.entries()) {
        const name = unique(rows.length > 1 ? `${stem}-${i}` : stem, taken)
        inputs.push({ source: rows.length > 1 ? `${path}#${i}` : path, name, x })
      }
    } catch (error) {
      if (!(error instanceof UnreadableSample || error instanceof UsageError)) throw error
      skipped.push({ file: path, reason: error.message })
    }
  if (!inputs.length)
    throw new UsageError(`none of the inputs can be read; ${skipped[0]!.file}: ${skipped[0]!.reason}`, {
      hint: 'give picture files, or .npy of one sample or a batch',
    })
  return { inputs, skipped }
}

function unique(name: string, taken: Set<string>): string {
  let free = name
  for (let i = 2; taken.has(free); i++) free = `${name}-${i}`
  taken.add(free)
  return free
}

async function readPicture(
  path: string,
  options: Pick<LoadOptions, 'resize' | 'crop' | 'channels'>,
): Promise<NDArray> {
  const { shape, data } = preparePicture(await decodeImage(path), options)
  return float32([1, ...shape], inUnits(data))
}

const inUnits = (data: ArrayLike<number>) =>
  data instanceof Uint8Array ? Float32Array.from(data, (v) => v / 255) : Float32Array.from(data)

async function readArray(path: string, shape: readonly number[]): Promise<NDArray[]> {
  const file = await openNpy(path)
  const fits = (dims: readonly number[]) =>
    dims.length === shape.length && dims.every((d, i) => d === shape[i])
  const single = fits(file.dims)
  if (!single && !fits(file.dims.slice(1)))
    throw new UsageError(
      `${path}: holds [${file.dims.join(', ')}], which is neither one sample [${shape.join(', ')}] nor a batch of them`,
    )
  const count = single ? 1 : file.dims[0]!
  const values = await file.rows(0, file.dims[0]!)
  const data = inUnits(values as unknown as ArrayLike<number>)
  if (data.some((v) => !Number.isFinite(v)))
    throw new UsageError(`${path}: holds values that are NaN or infinite`)
  const size = shape.reduce((p, d) => p * d, 1)
  return Array.from({ length: count }, (_, i) => float32([1, ...shape], data.slice(i * size, (i + 1) * size)))
}
