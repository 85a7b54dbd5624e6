/** The folder of one run: what was asked, every finished batch, the result. An interrupted run goes on from it. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store, StoredBatch } from 'saddlepoint'
import { openNpy, writeFileAtomic, writeNpy } from './data/index.ts'
import { fromSystemError, UsageError } from './errors.ts'

export interface RunDescription {
  readonly command: readonly string[]
  /** Where the command was given: its paths are relative to it. */
  readonly cwd?: string
  /** Everything that finished batches depend on; a folder goes on only for an equal one. */
  readonly fingerprint: unknown
}

export class RunFolder implements Store {
  readonly path: string
  private readonly fresh: RunDescription | undefined
  private constructor(path: string, fresh?: RunDescription) {
    this.path = path
    this.fresh = fresh
  }

  /**
   * A run that is new or goes on; nothing is written yet.
   *
   * @throws UsageError if the folder holds a run of something else, or other things
   */
  static open(path: string, description: RunDescription): RunFolder {
    if (existsSync(join(path, 'run.json'))) {
      const before = RunFolder.description(path)
      if (JSON.stringify(before.fingerprint) !== JSON.stringify(description.fingerprint))
        throw new UsageError(`${path} holds a run with another model, data or options`, {
          hint: 'choose another folder with --out',
        })
      return new RunFolder(path)
    }
    if (isOccupied(path))
      throw new UsageError(`${path} is in use: it holds no run, but it is not an empty folder either`, {
        hint: 'choose another folder with --out',
      })
    return new RunFolder(path, description)
  }

  /** What was asked for in a folder. @throws UsageError if it holds no run */
  static description(path: string): RunDescription {
    const file = join(path, 'run.json')
    if (!existsSync(file))
      throw new UsageError(`${path} is not the folder of a run`, { hint: 'it has no run.json' })
    try {
      const found = JSON.parse(readFileSync(file, 'utf8')) as RunDescription
      if (Array.isArray(found.command)) return found
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw fromSystemError(error, `read ${file}`)
    }
    throw new UsageError(`${file} is damaged`, { hint: 'choose another folder with --out' })
  }

  /** Makes the folder, once it is sure that there is something to run. */
  async create(): Promise<void> {
    if (!this.fresh || existsSync(join(this.path, 'run.json'))) return
    try {
      mkdirSync(join(this.path, 'batches'), { recursive: true })
    } catch (error) {
      throw fromSystemError(error, `make the folder ${this.path}`)
    }
    await this.write('run.json', JSON.stringify(this.fresh, null, 2))
  }

  /** Takes a folder away again in which nothing was finished. */
  abandon(): void {
    if (!this.fresh || !existsSync(join(this.path, 'batches'))) return
    if (readdirSync(join(this.path, 'batches')).length) return
    rmSync(join(this.path, 'batches'), { recursive: true, force: true })
    rmSync(join(this.path, 'run.json'), { force: true })
    if (readdirSync(this.path).length === 0) rmdirSync(this.path)
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

function isOccupied(path: string): boolean {
  if (!existsSync(path)) return false
  return !statSync(path).isDirectory() || readdirSync(path).length > 0
}
