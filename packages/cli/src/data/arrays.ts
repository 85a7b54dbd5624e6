/** Arrays of samples and labels as NumPy stores them: a `.npz` file, or a folder with images.npy and labels.npy. */
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { checkLabels, type LoadOptions, type Sample, type Source } from './dataset.ts'
import { chooseSplit, type Format, type Split } from './format.ts'
import { npyFromBytes, openNpy, type ArrayFile } from './npy.ts'
import { openZip } from './zip.ts'

/** [n] or [n, 1] labels of any number type. */
async function readLabels({ where, dims, rows }: ArrayFile): Promise<Int32Array> {
  const [count = 0, ...rest] = dims
  if (dims.length === 0 || rest.some((dim) => dim !== 1))
    throw new UsageError(`${where}: labels have the shape [${dims.join(', ')}], expected [samples]`, {
      hint: 'one class index per sample; turn one-hot rows into indices with argmax(axis=1)',
    })
  return checkLabels(Array.from(await rows(0, count), Number), where)
}

const isColour = (channels: number) => channels === 1 || channels === 3

/** [channels, height, width] of a sample, as the declared layout says. */
function pictureShape(
  { where, dims }: ArrayFile,
  layout: 'nchw' | 'nhwc',
): readonly [number, number, number] {
  const [, a = 0, b = 0, c = 0] = dims
  if (dims.length === 3) return [1, a, b]
  const [channels, other] = layout === 'nchw' ? [a, c] : [c, a]
  if (!isColour(channels) && isColour(other)) {
    const right = layout === 'nchw' ? 'NHWC' : 'NCHW'
    throw new UsageError(
      `${where}: shape [${dims.join(', ')}] read as ${layout.toUpperCase()} means ${channels} channels`,
      { hint: `it looks like ${right}; declare that layout for the data` },
    )
  }
  return layout === 'nchw' ? [a, b, c] : [c, a, b]
}

function toPlanar<T extends Uint8Array | Float32Array>(pixels: T, channels: number): T {
  const planar = pixels.slice() as T
  const size = pixels.length / channels
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++) planar[c * size + i] = pixels[i * channels + c]!
  return planar
}

/**
 * Samples [n, features] become a table, [n, H, W] and [n, C, H, W] (or NHWC) pictures.
 *
 * @throws UsageError if counts disagree or the shape or element type fits neither
 */
async function arraySource(name: string, x: ArrayFile, y: ArrayFile, options: LoadOptions): Promise<Source> {
  const labels = await readLabels(y)
  const [count = 0] = x.dims
  if (count !== labels.length)
    throw new UsageError(`${x.where} holds ${count} samples but ${y.where} ${labels.length} labels`)
  const floats = x.code === 'f2' || x.code === 'f4' || x.code === 'f8'
  const base = { name, count, labels }
  if (x.dims.length === 2) {
    const shape = [x.dims[1]!]
    return {
      ...base,
      kind: 'table',
      shape,
      read: async (i) => ({ shape, data: Float32Array.from(await x.rows(i, i + 1), Number) }),
    }
  }
  if (x.dims.length !== 3 && x.dims.length !== 4)
    throw new UsageError(`${x.where}: shape [${x.dims.join(', ')}] is neither pictures nor a table`, {
      hint: 'expected [n, channels, height, width], [n, height, width] or [n, features]',
    })
  if (!floats && x.code !== 'u1' && x.code !== 'b1')
    throw new UsageError(`${x.where}: pixels of type ${x.code} are not supported`, {
      hint: 'save uint8 in 0..255 or float32 in 0..1',
    })
  const layout = options.layout ?? 'nchw'
  const shape = pictureShape(x, layout)
  async function read(i: number): Promise<Sample> {
    const values = await x.rows(i, i + 1)
    // A boolean mask is black and white, not 0 and 1 of 255.
    const data = x.code === 'u1' ? (values as Uint8Array) : Float32Array.from(values as Float32Array)
    return { shape, data: layout === 'nhwc' && x.dims.length === 4 ? toPlanar(data, shape[0]) : data }
  }
  return { ...base, kind: 'images', shape, read }
}

/** Member names without `.npy`, lower case; the first pair that is there is taken. */
const pairs: readonly [split: Split | undefined, x: string, y: string][] = [
  ['test', 'x_test', 'y_test'],
  ['test', 'test_images', 'test_labels'],
  ['train', 'x_train', 'y_train'],
  ['train', 'train_images', 'train_labels'],
  [undefined, 'images', 'labels'],
  [undefined, 'x', 'y'],
  [undefined, 'data', 'labels'],
  [undefined, 'images', 'y'],
  [undefined, 'x', 'labels'],
  [undefined, 'arr_0', 'arr_1'],
]

export const npz: Format = {
  form: 'NumPy: a .npz file with images (or x, x_test, x_train) and labels (or y, y_test, y_train)',

  detect: ({ name, files }) => !files && name.toLowerCase().endsWith('.npz'),

  async read({ path, name }, options) {
    const zip = await openZip(path)
    const members = new Map(zip.names.map((member) => [member.replace(/\.npy$/, '').toLowerCase(), member]))
    const present = pairs.filter(([, x, y]) => members.has(x) && members.has(y))
    const whole = present.find(([split]) => split === undefined)
    const splits: Partial<Record<Split, (typeof present)[number]>> = {}
    for (const pair of present) if (pair[0]) splits[pair[0]] ??= pair
    if (present.length === 0)
      throw new UsageError(
        `${path}: no pair of samples and labels among ${[...members.keys()].join(', ') || 'nothing'}`,
        {
          hint: 'name the arrays images and labels, or x_test and y_test',
        },
      )
    const pair = whole && !splits[options.split ?? 'test'] ? whole : chooseSplit(splits, options, path)
    const load = async (member: string) =>
      npyFromBytes(await zip.read(members.get(member)!), `${path}: ${members.get(member)}`)
    return { ...(await arraySource(name, await load(pair[1]), await load(pair[2]), options)), split: pair[0] }
  },
}

export const npyFolder: Format = {
  form: 'NumPy: a folder with images.npy (uint8 or float, NCHW) and labels.npy',

  detect: ({ files = [] }) => files.includes('images.npy') || files.includes('labels.npy'),

  async read({ path, name, files = [] }, options) {
    for (const file of ['images.npy', 'labels.npy'])
      if (!files.includes(file)) throw new UsageError(`${path}: ${file} is missing`)
    const [x, y] = [await openNpy(join(path, 'images.npy')), await openNpy(join(path, 'labels.npy'))]
    return arraySource(name, x, y, options)
  },
}
