/** What comes with the package: two traffic-sign classifiers and the pictures they are tested on. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { signBatch, signClasses } from 'saddlepoint'
import { openNpy, registerDataset, toDataset } from './data/index.ts'
import { UsageError } from './errors.ts'

const asset = (name: string) => fileURLToPath(new URL(`../assets/signs/${name}`, import.meta.url))

/** Paths of the standard and the adversarially trained classifier. */
export function demoModels(): string[] {
  const paths = ['standard.onnx', 'robust.onnx'].map(asset)
  const missing = paths.find((p) => !existsSync(p))
  if (missing) throw new UsageError(`${missing} is missing`, { hint: 'install the package again' })
  return paths
}

/** Seed of the pictures that training draws from; the shipped ones are of another. */
const TRAIN_SEED = 1

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
          ? (signBatch({ seed: TRAIN_SEED, from: index, count: 1 }).images.data as Uint8Array)
          : ((await shipped!.rows(index, index + 1)) as Uint8Array).subarray(0, size),
      }),
    },
    options,
  )
})
