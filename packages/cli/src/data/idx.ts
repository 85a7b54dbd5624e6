/** The IDX files of MNIST (LeCun, Cortes, Burges 1998) and of its relatives, plain or gzipped. */
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { chooseSplit, readBytes, type Format, type Split } from './format.ts'

const idxName = /(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/

interface Idx {
  readonly dims: readonly number[]
  readonly data: Uint8Array
}

/**
 * Decodes an IDX file of unsigned bytes.
 *
 * @param rank the number of dimensions it must have
 * @throws UsageError if it is another kind of file or ends too early
 */
export function decodeIdx(bytes: Uint8Array, rank: number, file: string): Idx {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 4 + 4 * rank
  // Two zero bytes, 8 for unsigned bytes, then the rank.
  if (bytes.length >= 4 && view.getUint32(0) !== 0x0800 + rank)
    throw new UsageError(
      `${file}: not an IDX file of unsigned bytes in ${rank} dimension${rank > 1 ? 's' : ''}`,
    )
  if (bytes.length < start) throw new UsageError(`${file}: truncated, only ${bytes.length} bytes long`)
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const size = dims.reduce((product, dim) => product * dim, 1)
  if (bytes.length < start + size)
    throw new UsageError(
      `${file}: truncated, [${dims.join(', ')}] needs ${start + size} bytes but there are ${bytes.length}`,
      { hint: 'fetch the file again' },
    )
  return { dims, data: bytes.subarray(start, start + size) }
}

export const idx: Format = {
  form: 'IDX: a folder with t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (and train-…), plain or .gz',

  detect: ({ files = [] }) => files.some((file) => idxName.test(file)),

  async read({ path, name, files = [] }, options) {
    const splits: Partial<Record<Split, { images?: string; labels?: string }>> = {}
    // Sorted, so that a plain file wins over its gzipped twin by coming first.
    for (const file of files) {
      const [, part, what] = idxName.exec(file) ?? []
      if (!part) continue
      const split = (splits[part === 'train' ? 'train' : 'test'] ??= {})
      split[what as 'images' | 'labels'] ??= join(path, file)
    }
    const { images, labels } = chooseSplit(splits, options, path)
    if (!images || !labels) {
      const present = images ?? labels!
      const missing = images ? present.replace('images', 'labels') : present.replace('labels', 'images')
      throw new UsageError(`${path}: ${images ? 'labels' : 'images'} are missing beside ${present}`, {
        hint: `expected something like ${missing.replace(/idx\d/, images ? 'idx1' : 'idx3')}`,
      })
    }
    const pictures = decodeIdx(await readBytes(images), 3, images)
    const classes = decodeIdx(await readBytes(labels), 1, labels)
    const [count, height, width] = pictures.dims as [number, number, number]
    if (classes.dims[0] !== count)
      throw new UsageError(`${path}: ${count} images but ${classes.dims[0]} labels`, {
        hint: 'the files belong to different sets',
      })
    const size = height * width
    const shape = [1, height, width]
    return {
      name,
      kind: 'images',
      count,
      labels: classes.data,
      shape,
      split: options.split,
      read: async (i) => ({ shape, data: pictures.data.subarray(i * size, (i + 1) * size) }),
    }
  },
}
