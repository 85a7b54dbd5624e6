/** The checkpoint of a training run on the disk: written whole or not at all, and read only by the run it belongs to. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import {
  CheckpointError,
  decodeState,
  encodeState,
  type EpochProgress,
  type TrainingState,
} from 'saddlepoint'
import { writeFileAtomic } from './data/index.ts'
import { fromSystemError, UsageError } from './errors.ts'

/** An epoch as the result tells it. */
export type EpochRecord = Omit<EpochProgress, 'state'>

/** Everything that the weights depend on, by flag or name. */
export type Settings = Readonly<Record<string, unknown>>

export interface Found {
  readonly state: TrainingState
  readonly epochs: readonly EpochRecord[]
}

export class Checkpoint {
  readonly path: string
  readonly epochs: EpochRecord[] = []
  private readonly settings: Settings
  private readonly everySeconds: number
  private written = performance.now()
  private writing: Promise<void> | undefined

  /** @param everySeconds between two writes in the middle of an epoch */
  constructor(path: string, settings: Settings, everySeconds: number) {
    this.path = path
    this.settings = settings
    this.everySeconds = everySeconds
  }

  get exists(): boolean {
    return existsSync(this.path)
  }

  /** @throws UsageError if it is damaged, or of a run with other settings */
  read(): Found {
    let found: ReturnType<typeof decodeState>
    try {
      found = decodeState(readFileSync(this.path))
    } catch (error) {
      if (error instanceof CheckpointError)
        throw new UsageError(`${this.path}: ${error.message}`, { hint: 'add --overwrite to start anew' })
      throw fromSystemError(error, `read ${this.path}`)
    }
    const { settings = {}, epochs = [] } = found.notes as { settings?: Settings; epochs?: EpochRecord[] }
    for (const [key, mine] of Object.entries(this.settings)) {
      const [wanted, given] = [settings[key], mine].map((v) => JSON.stringify(v))
      if (wanted !== given)
        throw new UsageError(`${this.path} is of a run with ${key} ${wanted}, and this one has ${given}`, {
          hint: 'give the same flags to go on, or --overwrite to start anew',
        })
    }
    this.epochs.push(...epochs)
    return { state: found.state, epochs }
  }

  /** Writes now and then; what is written is the state at this moment, though the writing goes on beside the training. */
  step(state: TrainingState): void {
    if (this.writing || performance.now() - this.written < this.everySeconds * 1000) return
    // A failure, such as a full disk, is met at the end of the epoch.
    this.write(state).catch(() => undefined)
  }

  async write(state: TrainingState): Promise<void> {
    const { settings, epochs } = this
    const bytes = encodeState(state, { settings, epochs })
    await this.writing?.catch(() => undefined)
    this.writing = writeFileAtomic(this.path, [bytes]).finally(() => {
      this.writing = undefined
      this.written = performance.now()
    })
    return this.writing
  }

  async remove(): Promise<void> {
    await this.writing?.catch(() => undefined)
    rmSync(this.path, { force: true })
  }
}
