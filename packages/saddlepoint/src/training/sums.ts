/** What the shards of a batch, and the batches of an epoch, add up to. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import type { Network } from './network.ts'
import { mapRecord, type Parameters } from './parameters.ts'

/** Sums over the batches of an epoch so far. */
export interface Tally {
  readonly loss: number
  readonly count: number
  readonly right: number
  readonly labelled: number
}

const NOTHING: Tally = { loss: 0, count: 0, right: 0, labelled: 0 }

export const added = (a: Tally = NOTHING, b: Tally): Tally => ({
  loss: a.loss + b.loss,
  count: a.count + b.count,
  right: a.right + b.right,
  labelled: a.labelled + b.labelled,
})

/** The sum of one number over the shards. */
export const summedNumber = (results: readonly Record<string, NDArray>[], name: string): number =>
  results.reduce((sum, r) => sum + Number(r[name]!.data[0]), 0)

/** The gradients of each shard. */
export const gradientsOf = (results: readonly Record<string, NDArray>[], network: Network): Parameters[] =>
  results.map((r) => mapRecord(network.parameters, (_, name) => r[`gradients.${name}`]!))

/** Sums over the shards, always in their order: float addition is not associative. The first shard's arrays take them. */
export function summedGradients(shards: readonly Parameters[]): Parameters {
  const [first, ...rest] = shards
  return mapRecord(first!, ({ dims, data }, name) => {
    const total = data as Float32Array
    for (const part of rest) {
      const values = part[name]!.data as Float32Array
      for (let i = 0; i < total.length; i++) total[i]! += values[i]!
    }
    return float32(dims, total)
  })
}

/** What brings gradients of a larger joint norm down to `limit` (Pascanu, Mikolov, Bengio 2013). */
export function clipFactor(
  gradients: Parameters,
  limit: number,
  { parameters }: Pick<Network, 'parameters'>,
): number {
  let squares = 0
  for (const [name, { data }] of Object.entries(gradients))
    if (!parameters[name]?.statistic) for (const value of data as Float32Array) squares += value * value
  return Math.min(limit / Math.max(Math.sqrt(squares), 1e-12), 1)
}
