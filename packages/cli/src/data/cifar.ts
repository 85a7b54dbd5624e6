/** The binary version of CIFAR-10 (Krizhevsky 2009): records of one label byte and 3 × 32 × 32 pixels. */
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { chooseSplit, readBytes, type Format, type Split } from './format.ts'

const shape = [3, 32, 32]
const pixels = 3 * 32 * 32
const record = 1 + pixels
const classes = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')

/** The split that a file's name speaks of, if any. */
function splitOf(file: string): Split | undefined {
  if (/^test/i.test(file)) return 'test'
  return /^(train|data_batch)/i.test(file) ? 'train' : undefined
}

/** The files of the asked split; all of them if no name speaks of one. */
function chooseFiles(files: readonly string[], options: { split?: Split }, where: string): string[] {
  const splits: Partial<Record<Split, string[]>> = {}
  for (const file of files) {
    const split = splitOf(file)
    if (split) (splits[split] ??= []).push(file)
  }
  if (Object.keys(splits).length === 0) splits.test = [...files]
  return chooseSplit(splits, options, where)
}

async function readRecords(file: string): Promise<Uint8Array> {
  const bytes = await readBytes(file)
  if (bytes.length === 0 || bytes.length % record !== 0)
    throw new UsageError(
      `${file}: ${bytes.length} bytes are not a whole number of CIFAR-10 records of ${record} bytes`,
      { hint: 'the file is truncated or of another kind' },
    )
  for (let at = 0; at < bytes.length; at += record)
    if (bytes[at]! >= classes.length)
      throw new UsageError(`${file}: record ${at / record} has label ${bytes[at]}, CIFAR-10 has 0 to 9`, {
        hint: 'CIFAR-100 and other records are not supported',
      })
  return bytes
}

export const cifar: Format = {
  form: 'CIFAR-10: a .bin file of 3073-byte records, or a folder of them (test_batch.bin, data_batch_1.bin, …)',

  detect: ({ name, files }) => (files ?? [name]).some((file) => file.toLowerCase().endsWith('.bin')),

  async read({ path, name, files }, options) {
    const bins = files?.filter((file) => file.toLowerCase().endsWith('.bin'))
    const chosen = bins ? chooseFiles(bins, options, path) : [name]
    const samples: { file: string; bytes: Uint8Array; at: number }[] = []
    for (const file of chosen) {
      const bytes = await readRecords(bins ? join(path, file) : path)
      for (let at = 0; at < bytes.length; at += record) samples.push({ file, bytes, at })
    }
    return {
      name,
      kind: 'images',
      count: samples.length,
      labels: samples.map(({ bytes, at }) => bytes[at]!),
      labelNames: classes,
      sources: (i) => `${samples[i]!.file}#${samples[i]!.at / record}`,
      shape,
      split: bins ? options.split : splitOf(name),
      read: async (i) => {
        const { bytes, at } = samples[i]!
        return { shape, data: bytes.subarray(at + 1, at + record) }
      },
    }
  },
}
