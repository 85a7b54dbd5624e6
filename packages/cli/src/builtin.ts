/** Data sets and models that have a name: two traffic-sign classifiers that come along, and sets looked for on the disk. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { signBatch, signClasses, signSeeds } from 'saddlepoint'
import { loadDataset, openNpy, registerDataset, toDataset } from './data/index.ts'
import { UsageError } from './errors.ts'

const asset = (name: string) => fileURLToPath(new URL(`../assets/signs/${name}`, import.meta.url))

/** Paths of the standard and the adversarially trained classifier. */
export function demoModels(): string[] {
  const paths = ['standard.onnx', 'robust.onnx'].map(asset)
  const missing = paths.find((p) => !existsSync(p))
  if (missing) throw new UsageError(`${missing} is missing`, { hint: 'install the package again' })
  return paths
}

registerDataset('signs', async (options) => {
  const train = options.split === 'train'
  const shipped = train ? undefined : await openNpy(asset('images.npy'))
  const labels = train
    ? Array.from({ length: 20_000 }, (_, i) => i % signClasses.length)
    : Array.from((await (await openNpy(asset('labels.npy'))).rows(0, shipped!.dims[0]!)) as Uint8Array)
  const size = 3 * 32 * 32
  return toDataset(
    {
      name: 'signs',
      kind: 'images',
      count: labels.length,
      labels,
      labelNames: signClasses,
      split: train ? 'train' : 'test',
      shape: [3, 32, 32],
      read: async (index) => ({
        shape: [3, 32, 32],
        data: train
          ? (signBatch({ seed: signSeeds.train, from: index, count: 1 }).images.data as Uint8Array)
          : ((await shipped!.rows(index, index + 1)) as Uint8Array).subarray(0, size),
      }),
    },
    options,
  )
})

/** A data set with a name. */
export interface NamedSet {
  readonly name: string
  readonly what: string
  /** The folder it was found in; undefined if it is not there. */
  find(): string | undefined
  /** What to do where it is not there. */
  readonly get: string
}

/** Folders that may hold data sets by name, the first that does wins. */
export function dataFolders(): string[] {
  const own = process.env['SADDLE_DATA']
  return [...(own ? [own] : []), 'data', join('..', 'shared', 'data')]
}

function named(name: string, what: string, files: string): NamedSet {
  return {
    name,
    what,
    find: () =>
      dataFolders()
        .map((folder) => join(folder, name))
        .find((path) => existsSync(path)),
    get: `put ${files} into ${join('data', name)}, or set SADDLE_DATA to the folder that holds ${name}`,
  }
}

export const namedSets: readonly NamedSet[] = [
  {
    name: 'signs',
    what: `drawn traffic signs, ${signClasses.length} classes, 3×32×32; comes with the package`,
    find: () => [asset('images.npy')].find((path) => existsSync(path)),
    get: 'install the package again',
  },
  named(
    'mnist',
    'handwritten digits, 10 classes, 1×28×28',
    'the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (plain or .gz)',
  ),
  named(
    'cifar10',
    'small photographs, 10 classes, 3×32×32',
    'the binary version of CIFAR-10 (test_batch.bin, data_batch_1.bin, …)',
  ),
]

for (const set of namedSets.filter((s) => s.name !== 'signs'))
  registerDataset(set.name, async (options) => {
    const folder = set.find()
    if (!folder)
      throw new UsageError(
        `the data set ${set.name} is not on this machine; looked in ${dataFolders()
          .map((f) => join(f, set.name))
          .join(', ')}`,
        { hint: set.get },
      )
    // A folder may hold selections beside the whole test set: they are not read on top of it.
    const whole = ['test_batch.bin', 'test_1000.bin']
      .map((file) => join(folder, file))
      .find((f) => existsSync(f))
    return loadDataset(options.split !== 'train' && whole ? whole : folder, options)
  })
