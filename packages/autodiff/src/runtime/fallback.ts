/** Runs on one engine what it can, and on another, with a notice, what it cannot. */
import type { NDArray } from '../tensor/array.ts'
import type { Engine, EngineOptions, Feeds, Program, Provider } from './engine.ts'

export interface Substitute {
  /** Made when it is first needed. */
  readonly create: () => Engine
  /** Its name in the notice. */
  readonly name: string
}

export class FallbackEngine implements Engine {
  readonly provider: Provider
  readonly concurrency: number
  private readonly engine: Engine
  private readonly substitute: Substitute
  private readonly onNotice: EngineOptions['onNotice']
  private made: Engine | undefined

  constructor(engine: Engine, substitute: Substitute, onNotice: EngineOptions['onNotice']) {
    this.engine = engine
    this.provider = engine.provider
    this.concurrency = engine.concurrency
    this.substitute = substitute
    this.onNotice = onNotice
  }

  async load(model: Uint8Array, externalData?: ReadonlyMap<string, Uint8Array>): Promise<Program> {
    let second: Promise<Program> | undefined
    const other = () => (second ??= (this.made ??= this.substitute.create()).load(model, externalData))
    const first = await this.engine.load(model, externalData).catch(async (error: Error) => {
      const program = await other()
      this.tell(error)
      return program
    })
    let switched: Program | undefined
    const retry = async (feeds: Feeds, error: Error): Promise<Record<string, NDArray>> => {
      // A run that fails on both is the fault of what was fed, and no reason to leave the provider.
      const program = await other()
      const results = await program.run(feeds)
      if (!switched) {
        switched = program
        this.tell(error)
        await first.release()
      }
      return results
    }
    return {
      run: (feeds) =>
        switched ? switched.run(feeds) : first.run(feeds).catch((e: Error) => retry(feeds, e)),
      release: async () => {
        const programs = new Set(await Promise.all([switched ?? first, second]))
        for (const program of programs) await program?.release()
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.engine.close(), this.made?.close()])
  }

  private tell(error: Error): void {
    this.onNotice?.(
      `${this.provider} cannot run this graph (${error.message}); ${this.substitute.name} runs it instead`,
    )
  }
}
