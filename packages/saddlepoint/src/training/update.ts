/**
 * The update of all parameters from the gradients of a batch's shards. It runs on the calling thread, where the
 * parameters are, in pieces that stay in a processor's cache: an update reads and writes every number a dozen times, and
 * that is most of its cost.
 */
import { createEngine, float32, type Engine, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import type { Network } from './network.ts'
import { movingAverage, type Optimiser } from './optimisers.ts'
import { mapRecord, type Parameters, type ParameterSpec } from './parameters.ts'
import type { TrainingState } from './state.ts'

/** Numbers of a parameter that are updated at once: with all that belongs to them they take about 2 MB. */
const PIECE = 2 ** 16

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
  private readonly engine = createEngine({ workers: 0 })
  private readonly network: Network
  private readonly optimiser: Optimiser
  private readonly averaged: boolean
  /** By number of shards, and kind of parameter. */
  private readonly programs = new Map<string, Promise<TracedProgram>>()
  /** What the last update wrote, and the one before it, which is written over next. */
  private last: Moved | undefined
  private spare: Moved | undefined

  constructor(network: Network, optimiser: Optimiser, averaged: boolean) {
    this.network = network
    this.optimiser = optimiser
    this.averaged = averaged
  }

  private program(shards: number, kind: Kind): Promise<TracedProgram> {
    const key = `${shards} ${kind}`
    const known = this.programs.get(key)
    if (known) return known
    const made = trace(this.engine, this.optimiser, { shards, averaged: this.averaged, kind })
    this.programs.set(key, made)
    return made
  }

  /**
   * @param gradients of each shard, by parameter
   * @returns the state after the update, in arrays that the update after the next writes over, and the sum of the squares
   *   of all parameters: not finite if one of them is not
   */
  async apply(
    state: TrainingState,
    gradients: readonly Parameters[],
    numbers: UpdateNumbers,
  ): Promise<Moved & { readonly squares: number }> {
    const next = this.spare ?? emptied(state, this.averaged)
    const { factor = 1, ...rest } = numbers
    const scalars = mapRecord(rest, (value) => float32([], [value]))
    const clipped = { ...scalars, inverse: float32([], [numbers.inverse * factor]) }
    let squares = 0
    for (const [name, spec] of Object.entries(this.network.parameters)) {
      const kind = kindOf(spec)
      const slots = kind === 'statistic' ? {} : next.slots
      const read: Record<string, NDArray> = {
        parameters: state.parameters[name]!,
        average: state.average[name]!,
        ...Object.fromEntries(gradients.map((g, i) => [`gradients.${i}`, g[name]!])),
        ...mapRecord(prefixedSlots(state.slots), (slot) => slot[name]!),
      }
      const written: Record<string, NDArray> = {
        'next.parameters': next.parameters[name]!,
        ...(this.averaged && { 'next.average': next.average[name]! }),
        ...Object.fromEntries(
          Object.entries(slots).map(([slot, values]) => [`next.slots.${slot}`, values[name]!]),
        ),
      }
      const size = read['parameters']!.data.length
      for (let from = 0; from < size; from += PIECE) {
        const [piece, into] = [read, written].map((arrays) => mapRecord(arrays, (a) => flatPart(a, from)))
        const program = await this.program(gradients.length, kind)
        const results = await program.run(
          { ...piece, ...(spec.statistic ? scalars : clipped) },
          undefined,
          into,
        )
        for (const [key, { data }] of Object.entries(into!))
          if (results[key]!.data !== data) (data as Float32Array).set(results[key]!.data as Float32Array)
        squares += Number(results['squares']!.data[0])
      }
    }
    this.spare = this.last
    this.last = next
    return { ...next, squares }
  }

  async release(): Promise<void> {
    await this.engine.close()
  }
}

/** The update of some of a parameter's numbers, [N] each. */
function trace(
  engine: Engine,
  optimiser: Optimiser,
  { shards, averaged, kind }: { shards: number; averaged: boolean; kind: Kind },
): Promise<TracedProgram> {
  return TracedProgram.build(engine, -1, `${optimiser.name}.update`, (declare) => {
    const own = (name: string) => ({ values: declare.perSample(name, []) })
    const parameters = own('parameters')
    const parts = Array.from({ length: shards }, (_, i) => declare.perSample(`gradients.${i}`, []))
    // Always in their order: float addition is not associative.
    const sum = parts.reduce((a, b) => a.add(b))
    const gradients = { values: sum.mul(declare.shared('inverse', [])) }
    const next = (kind === 'statistic' ? followed : optimiser.update)({
      parameters,
      gradients,
      state: Object.fromEntries(optimiser.slots.map((slot) => [slot, own(`slots.${slot}`)])),
      rate: declare.shared('rate', []),
      step: declare.shared('step', []),
      decays: () => kind === 'decayed',
    })
    const moved = next.parameters['values']!
    const outputs: Record<string, Tensor> = { 'next.parameters': moved, squares: moved.square().sum() }
    if (kind !== 'statistic')
      for (const [slot, { values }] of Object.entries(next.state)) outputs[`next.slots.${slot}`] = values!
    if (averaged)
      outputs['next.average'] = movingAverage(
        own('average'),
        next.parameters,
        declare.shared('keep', []),
      ).values!
    return outputs
  })
}

/** A running mean goes some of the way, whatever the optimiser. */
const followed: Optimiser['update'] = ({ parameters, gradients, state }) => ({
  parameters: mapRecord(parameters, (p, name) => p.sub(gradients[name]!.mul(STATISTIC_RATE))),
  state,
})

const prefixedSlots = (slots: TrainingState['slots']) =>
  Object.fromEntries(Object.entries(slots).map(([slot, values]) => [`slots.${slot}`, values]))

function flatPart({ data }: NDArray, from: number): NDArray {
  const values = (data as Float32Array).subarray(from, from + PIECE)
  return float32([values.length], values)
}

/** Arrays of the same sizes; those of the average are those of the parameters where no average is kept. */
function emptied({ parameters, slots }: Moved, averaged: boolean): Moved {
  const empty = () => mapRecord(parameters, ({ dims, data }) => float32(dims, new Float32Array(data.length)))
  const next = empty()
  return { parameters: next, average: averaged ? empty() : next, slots: mapRecord(slots, empty) }
}
