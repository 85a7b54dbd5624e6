/** Everything a training run needs to go on where it stopped, in memory and as a file. */
import { float32, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import type { Network } from './network.ts'
import type { Optimiser } from './optimisers.ts'
import { mapRecord, type Parameters } from './parameters.ts'

export interface TrainingState {
  /** Updates made so far. */
  readonly step: number
  /** Share of the schedule that is done, in [0, 1]. */
  readonly done: number
  readonly parameters: Parameters
  /** Moving average of the parameters; the parameters themselves where none is kept. */
  readonly average: Parameters
  /** The optimiser's memory by slot. */
  readonly slots: Readonly<Record<string, Parameters>>
  /** What the method remembers; the run that made the state goes on changing it. */
  readonly memory?: NDArray
}

/** A checkpoint is damaged or belongs to another network or optimiser. */
export class CheckpointError extends Error {
  override name = 'CheckpointError'
}

/** The loss or a gradient is no longer a number. `state` is the last one that was still good. */
export class DivergedError extends Error {
  override name = 'DivergedError'
  readonly state: TrainingState
  constructor(state: TrainingState, rate: number, what: string) {
    super(
      `${what} after ${state.step} updates, at learning rate ${rate.toPrecision(3)}. ` +
        'Try a smaller learning rate, a longer warm-up or a limit on the gradient norm; the state before is kept.',
    )
    this.state = state
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
  const { step, done } = state
  const header = new TextEncoder().encode(`${JSON.stringify({ magic: MAGIC, step, done, notes, entries })}\n`)
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
  const { parameters = {}, average = {}, method, ...slots } = groups
  const named = Object.fromEntries(Object.entries(slots).map(([key, v]) => [key.replace(/^slot\./, ''), v]))
  const { step, done, notes } = header
  const memory = method?.['memory']
  return { state: { step, done, parameters, average, slots: named, ...(memory && { memory }) }, notes }
}

interface Header {
  step: number
  done: number
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
    ...Object.fromEntries(Object.entries(state.slots).map(([slot, v]) => [`slot.${slot}`, v])),
    ...(state.memory && { method: { memory: state.memory } }),
  }
  return Object.fromEntries(
    Object.entries(groups).flatMap(([group, record]) =>
      Object.entries(record).map(([name, a]) => [`${group}/${name}`, a]),
    ),
  )
}
