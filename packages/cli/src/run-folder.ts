/** The folder of one run: what was asked, every finished batch, the result. An interrupted run goes on from it. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store, StoredBatch } from 'saddlepoint'
import { openNpy, writeFileAtomic, writeNpy } from './data/index.ts'
import { fromSystemError, UsageError } from './errors.ts'

export interface RunDescription {
  readonly command: readonly string[]
  /** Everything that finished batches depend on; a folder goes on only for an equal one. */
  readonly fingerprint: unknown
}

export class RunFolder implements Store {
  readonly path: string
  constructor(path: string) {
    this.path = path
  }

  /** @throws UsageError if the folder holds a run of something else */
  static async open(path: string, description: RunDescription): Promise<RunFolder> {
    const file = join(path, 'run.json')
    const wanted = JSON.stringify(description.fingerprint)
    if (existsSync(file)) {
      const before = JSON.parse(readFileSync(file, 'utf8')) as RunDescription
      if (JSON.stringify(before.fingerprint) !== wanted)
        throw new UsageError(`${path} holds a run with another model, data or options`, {
          hint: 'choose another folder with --out',
        })
      return new RunFolder(path)
    }
    try {
      mkdirSync(join(path, 'batches'), { recursive: true })
    } catch (error) {
      throw fromSystemError(error, `make the folder ${path}`)
    }
    await writeFileAtomic(file, JSON.stringify(description, null, 2))
    return new RunFolder(path)
  }

  /** The command that made a folder. */
  static command(path: string): readonly string[] {
    const file = join(path, 'run.json')
    if (!existsSync(file))
      throw new UsageError(`${path} is not the folder of a run`, { hint: 'it has no run.json' })
    return (JSON.parse(readFileSync(file, 'utf8')) as RunDescription).command
  }

  async load(key: string): Promise<StoredBatch | undefined> {
    const file = this.file(key)
    if (!existsSync(`${file}.json`)) return undefined
    const { rows, seconds } = JSON.parse(await readFile(`${file}.json`, 'utf8')) as StoredBatch
    if (!rows.some((r) => r.success)) return { rows, seconds, adversarials: none }
    const array = await openNpy(`${file}.npy`)
    const data = (await array.rows(0, array.dims[0]!)) as Float32Array<ArrayBuffer>
    return { rows, seconds, adversarials: { type: 'float32', dims: array.dims, data } }
  }

  async save(key: string, { rows, adversarials, seconds }: StoredBatch): Promise<void> {
    const file = this.file(key)
    // The table comes last: where it is, the array is whole.
    if (adversarials.dims[0]) await writeNpy(`${file}.npy`, adversarials)
    await writeFileAtomic(`${file}.json`, JSON.stringify({ key, rows, seconds }))
  }

  write(name: string, text: string): Promise<void> {
    return writeFileAtomic(join(this.path, name), text)
  }

  private file(key: string): string {
    const digest = createHash('sha256').update(key).digest('hex').slice(0, 16)
    return join(this.path, 'batches', digest)
  }
}

const none = { type: 'float32', dims: [0], data: new Float32Array() } as const
