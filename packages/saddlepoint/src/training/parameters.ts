/** Parameters of a network: what is declared about them, and their first values. */
import { constant, float32, sizeOf, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { fillNormal, fillUniform } from '../random/philox.ts'

/** Values by name, on the host. */
export type Parameters = Readonly<Record<string, NDArray>>
/** The same, while tracing. */
export type TracedParameters = Readonly<Record<string, Tensor>>

export type Initialiser = (out: Float32Array, address: { seed: number; sample: number }) => void

export interface ParameterSpec {
  readonly shape: readonly number[]
  readonly initialise: Initialiser
  /** Whether weight decay applies: to weights, not to biases and gains. */
  readonly decay: boolean
  /** Not learnt, but the running mean of what its layer observes in training. */
  readonly statistic?: boolean
}

export const fill =
  (value: number): Initialiser =>
  (out) => {
    out.fill(value)
  }

/**
 * Normal with variance gain² / fanIn, so that activations keep their size through the layers (He, Zhang, Ren, Sun 2015,
 * eq. 10).
 *
 * @param gain √2 before a rectifier, 1 before nothing
 */
export const heNormal =
  (fanIn: number, gain = Math.SQRT2): Initialiser =>
  (out, address) => {
    fillNormal(out, address)
    const deviation = gain / Math.sqrt(fanIn)
    for (let i = 0; i < out.length; i++) out[i]! *= deviation
  }

/** Uniform with variance gain² / fanIn (He et al. 2015). */
export const heUniform =
  (fanIn: number, gain = Math.SQRT2): Initialiser =>
  (out, address) => {
    fillUniform(out, address)
    const bound = gain * Math.sqrt(3 / fanIn)
    for (let i = 0; i < out.length; i++) out[i] = (2 * out[i]! - 1) * bound
  }

/**
 * First values of all parameters. Each depends on the seed and on the parameter's place among the others.
 *
 * @param seed an integer in [0, 2^53)
 */
export function initialise(specs: Readonly<Record<string, ParameterSpec>>, seed: number): Parameters {
  return mapRecord(specs, ({ shape, initialise: write }, _, place) => {
    const data = new Float32Array(sizeOf(shape))
    write(data, { seed, sample: place })
    return float32(shape, data)
  })
}

/** How many numbers are learnt. */
export function countParameters(
  specs: Readonly<Record<string, Pick<ParameterSpec, 'shape' | 'statistic'>>>,
): number {
  return Object.values(specs).reduce((sum, { shape, statistic }) => sum + (statistic ? 0 : sizeOf(shape)), 0)
}

export function mapRecord<V, R>(
  record: Readonly<Record<string, V>>,
  f: (value: V, key: string, place: number) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value], i) => [key, f(value, key, i)]))
}

/** Fixed values, under their names, in a graph. */
export const constants = (parameters: Parameters): TracedParameters =>
  mapRecord(parameters, (value, name) => constant(value, name))
