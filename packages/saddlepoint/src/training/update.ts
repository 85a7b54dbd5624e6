/**
 * The update of all parameters from the gradients of a batch's shards. It runs on the calling thread, where the
 * parameters are, as one pass over memory: an update is a dozen operations on every number.
 */
import { float32, fuse, input, type Fused, type Tensor } from '@saddlepoint/autodiff'
import { prefixed } from './graphs.ts'
import type { Network } from './network.ts'
import { movingAverage, type Optimiser } from './optimisers.ts'
import { mapRecord, type Parameters, type ParameterSpec } from './parameters.ts'
import type { TrainingState } from './state.ts'

/** Scalars of one update. */
export interface UpdateNumbers {
  /** What summed statistics are multiplied by: one over the samples of the batch. */
  readonly inverse: number
  /** What the mean gradients are multiplied by. @default 1 */
  readonly factor?: number
  readonly rate: number
  /** From 1. */
  readonly step: number
  /** Decay of the average. */
  readonly keep: number
}

/** Part of the way from a running mean to what was observed: PyTorch's momentum. */
const STATISTIC_RATE = 0.1

/** How a parameter moves. */
type Kind = 'decayed' | 'plain' | 'statistic'
const kindOf = ({ decay, statistic }: ParameterSpec): Kind =>
  statistic ? 'statistic' : decay ? 'decayed' : 'plain'

/** What an update changes. */
type Moved = Pick<TrainingState, 'parameters' | 'average' | 'slots'>

export class Update {
  private readonly network: Network
  private readonly optimiser: Optimiser
  private readonly averaged: boolean
  /** By number of shards, and kind of parameter. */
  private readonly loops = new Map<string, Promise<Fused>>()
  /** What the last update wrote, and the one before it, which is written over next. */
  private last: Moved | undefined
  private spare: Moved | undefined

  constructor(network: Network, optimiser: Optimiser, averaged: boolean) {
    this.network = network
    this.optimiser = optimiser
    this.averaged = averaged
  }

  private loop(shards: number, kind: Kind): Promise<Fused> {
    const key = `${shards} ${kind}`
    const known = this.loops.get(key)
    if (known) return known
    const made = fuse(trace(this.optimiser, { shards, averaged: this.averaged, kind }))
    this.loops.set(key, made)
    return made
  }

  /**
   * @param gradients of each shard, by parameter
   * @returns the state after the update, in arrays that the update after the next writes over, and whether all of its
   *   numbers are finite
   */
  async apply(
    state: TrainingState,
    gradients: readonly Parameters[],
    numbers: UpdateNumbers,
  ): Promise<Moved & { readonly finite: boolean }> {
    const next = this.spare ?? emptied(state, this.averaged)
    const { factor = 1, ...scalars } = numbers
    const clipped = { ...scalars, inverse: numbers.inverse * factor }
    let finite = true
    for (const [name, spec] of Object.entries(this.network.parameters)) {
      const kind = kindOf(spec)
      const slots = kind === 'statistic' ? {} : next.slots
      const values = (of: Parameters) => of[name]!.data as Float32Array
      const read = {
        parameters: values(state.parameters),
        average: values(state.average),
        ...Object.fromEntries(gradients.map((g, i) => [`gradients.${i}`, values(g)])),
        ...mapRecord(prefixed('slots', state.slots), values),
      }
      const written = {
        parameters: values(next.parameters),
        ...(this.averaged && { average: values(next.average) }),
        ...mapRecord(prefixed('slots', slots), values),
      }
      const loop = await this.loop(gradients.length, kind)
      finite = loop({ ...read, ...(spec.statistic ? scalars : clipped) }, written) && finite
    }
    this.spare = this.last
    this.last = next
    return { ...next, finite }
  }
}

/** The update of some of a parameter's numbers. */
function trace(
  optimiser: Optimiser,
  { shards, averaged, kind }: { shards: number; averaged: boolean; kind: Kind },
): Record<string, Tensor> {
  const own = (name: string) => ({ values: input(name, 'float32', [-1]) })
  const number = (name: keyof UpdateNumbers) => input(name, 'float32', [])
  const parts = Array.from({ length: shards }, (_, i) => own(`gradients.${i}`).values)
  // Always in their order: float addition is not associative.
  const sum = parts.reduce((a, b) => a.add(b))
  const next = (kind === 'statistic' ? followed : optimiser.update)({
    parameters: own('parameters'),
    gradients: { values: sum.mul(number('inverse')) },
    state: Object.fromEntries(optimiser.slots.map((slot) => [slot, own(`slots.${slot}`)])),
    rate: number('rate'),
    step: number('step'),
    decays: () => kind === 'decayed',
  })
  return {
    parameters: next.parameters['values']!,
    ...(kind !== 'statistic' &&
      prefixed(
        'slots',
        mapRecord(next.state, ({ values }) => values!),
      )),
    ...(averaged && {
      average: movingAverage(own('average'), next.parameters, number('keep'))['values']!,
    }),
  }
}

/** A running mean goes some of the way, whatever the optimiser. */
const followed: Optimiser['update'] = ({ parameters, gradients, state }) => ({
  parameters: mapRecord(parameters, (p, name) => p.sub(gradients[name]!.mul(STATISTIC_RATE))),
  state,
})

/** Arrays of the same sizes; those of the average are those of the parameters where no average is kept. */
function emptied({ parameters, slots }: Moved, averaged: boolean): Moved {
  const empty = () => mapRecord(parameters, ({ dims, data }) => float32(dims, new Float32Array(data.length)))
  const next = empty()
  return { parameters: next, average: averaged ? empty() : next, slots: mapRecord(slots, empty) }
}
