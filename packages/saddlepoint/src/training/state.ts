/** Everything a training run needs to go on where it stopped, in memory and as a file. */
import { float32, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import type { Network } from './network.ts'
import type { Optimiser } from './optimisers.ts'
import { mapRecord, type Parameters } from './parameters.ts'
import type { Tally } from './sums.ts'

export interface TrainingState {
  /** Updates made so far. */
  readonly step: number
  /** Share of the schedule that is done, in [0, 1]. */
  readonly done: number
  readonly parameters: Parameters
  /** Average of the parameters; the parameters themselves where none is kept. */
  readonly average: Parameters
  /** Sums over the epoch that is under way. */
  readonly tally?: Tally
  /** Updates that an equal average is of. */
  readonly averaged?: number
  /** The best epoch so far, where training stops once none is better. */
  readonly best?: BestEpoch
  /** The optimiser's memory by slot. */
  readonly slots: Readonly<Record<string, Parameters>>
  /** What the method remembers; the run that made the state goes on changing it. */
  readonly memory?: NDArray
}

export interface BestEpoch {
  readonly epoch: number
  /** Robust accuracy on held-out samples, or clean where none is attacked. */
  readonly accuracy: number
  readonly parameters: Parameters
}

/** A checkpoint is damaged or belongs to another network or optimiser. */
export class CheckpointError extends Error {
  override name = 'CheckpointError'
}

/** The loss or a gradient is no longer a number. `state` is the last one that was still good. */
export class DivergedError extends Error {
  override name = 'DivergedError'
  // A private field: where nobody catches the error, Node.js prints all others, millions of numbers here.
  readonly #state: TrainingState
  constructor(state: TrainingState, rate: number, what: string) {
    super(
      `${what} after ${state.step} updates, at learning rate ${rate.toPrecision(3)}. ` +
        'Try a smaller learning rate, a longer warm-up or a limit on the gradient norm; the state before is kept.',
    )
    this.#state = state
  }

  get state(): TrainingState {
    return this.#state
  }
}

export function initialState(network: Network, optimiser: Optimiser, seed: number): TrainingState {
  const parameters = network.initialise(seed)
  const zeros = () => mapRecord(parameters, ({ dims }) => float32(dims, new Float32Array(sizeOf(dims))))
  return {
    step: 0,
    done: 0,
    parameters,
    average: parameters,
    slots: Object.fromEntries(optimiser.slots.map((slot) => [slot, zeros()])),
  }
}

const MAGIC = 'saddlepoint.training.1'

interface Entry {
  readonly name: string
  readonly dims: readonly number[]
}

/**
 * The state as bytes: a line of JSON with the shapes in order, then all values as little-endian float32.
 *
 * @param notes anything else to keep with it, given back by `decodeState`
 */
export function encodeState(state: TrainingState, notes: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const arrays = Object.entries(flattened(state))
  const entries: Entry[] = arrays.map(([name, { dims }]) => ({ name, dims: [...dims] }))
  const { step, done, averaged, tally } = state
  const best = state.best && { epoch: state.best.epoch, accuracy: state.best.accuracy }
  const header = new TextEncoder().encode(
    `${JSON.stringify({ magic: MAGIC, step, done, tally, averaged, best, notes, entries })}\n`,
  )
  const total = entries.reduce((sum, { dims }) => sum + 4 * sizeOf(dims), header.length)
  const bytes = new Uint8Array(total)
  bytes.set(header)
  const view = new DataView(bytes.buffer)
  let at = header.length
  for (const [, { data }] of arrays)
    for (let i = 0; i < data.length; i++, at += 4) view.setFloat32(at, Number(data[i]), true)
  return bytes
}

/** @throws CheckpointError if the bytes are not a whole checkpoint */
export function decodeState(bytes: Uint8Array): { state: TrainingState; notes: Record<string, unknown> } {
  const end = bytes.indexOf(10)
  const header = parseHeader(bytes.subarray(0, Math.max(end, 0)))
  const wanted = header.entries.reduce((sum, { dims }) => sum + 4 * sizeOf(dims), end + 1)
  if (wanted !== bytes.length)
    throw new CheckpointError(
      `the checkpoint has ${bytes.length} bytes where ${wanted} belong: it is cut short`,
    )
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const groups: Record<string, Record<string, ReturnType<typeof float32>>> = {}
  let at = end + 1
  for (const { name, dims } of header.entries) {
    const data = Float32Array.from({ length: sizeOf(dims) }, (_, i) => view.getFloat32(at + 4 * i, true))
    at += 4 * data.length
    const [group = '', ...rest] = name.split('/')
    ;(groups[group] ??= {})[rest.join('/')] = float32(dims, data)
  }
  const { parameters = {}, average = {}, best: bestParameters, method, ...slots } = groups
  const named = Object.fromEntries(Object.entries(slots).map(([key, v]) => [key.replace(/^slot\./, ''), v]))
  const { step, done, tally, averaged, best, notes } = header
  const memory = method?.['memory']
  const state: TrainingState = {
    step,
    done,
    parameters,
    average,
    slots: named,
    ...(tally && { tally }),
    ...(averaged !== undefined && { averaged }),
    ...(best && bestParameters && { best: { ...best, parameters: bestParameters } }),
    ...(memory && { memory }),
  }
  return { state, notes }
}

interface Header {
  step: number
  done: number
  tally?: Tally
  averaged?: number
  best?: Omit<BestEpoch, 'parameters'>
  notes: Record<string, unknown>
  entries: Entry[]
}

function parseHeader(line: Uint8Array): Header {
  try {
    const header = JSON.parse(new TextDecoder().decode(line)) as Header & { magic?: string }
    if (header.magic === MAGIC) return header
  } catch {
    // Not JSON: not a checkpoint, as below.
  }
  throw new CheckpointError('this is not a training checkpoint')
}

/** @throws CheckpointError if the state's parameters are not the network's, or its slots not the optimiser's */
export function checkState(state: TrainingState, network: Network, optimiser: Optimiser): void {
  for (const [name, { shape }] of Object.entries(network.parameters)) {
    const dims = state.parameters[name]?.dims
    if (dims?.join() !== shape.join())
      throw new CheckpointError(
        `the checkpoint's ${name} is ${dims ? `[${dims.join(', ')}]` : 'absent'}, the network's is [${shape.join(', ')}]`,
      )
  }
  const missing = optimiser.slots.find((slot) => !state.slots[slot])
  if (missing) throw new CheckpointError(`the checkpoint has no ${missing}: it is from another optimiser`)
}

function flattened(state: TrainingState): Parameters {
  const groups = {
    parameters: state.parameters,
    average: state.average,
    ...(state.best && { best: state.best.parameters }),
    ...Object.fromEntries(Object.entries(state.slots).map(([slot, v]) => [`slot.${slot}`, v])),
    ...(state.memory && { method: { memory: state.memory } }),
  }
  return Object.fromEntries(
    Object.entries(groups).flatMap(([group, record]) =>
      Object.entries(record).map(([name, a]) => [`${group}/${name}`, a]),
    ),
  )
}
