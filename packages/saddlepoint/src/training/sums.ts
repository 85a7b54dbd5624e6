/** What the shards of a batch, and the batches of an epoch, add up to. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import type { Network } from './network.ts'
import { mapRecord, type Parameters } from './parameters.ts'

export interface Sums {
  readonly loss: number
  readonly right: number
  readonly gradients: Parameters
}

export class Tally {
  loss = 0
  count = 0
  right = 0
  labelled = 0
  add(loss: number, count: number, right: number, labelled: number): void {
    this.loss += loss
    this.count += count
    this.right += right
    this.labelled += labelled
  }
}

/** Sums over the shards, always in their order: float addition is not associative. */
export function summed(results: readonly Record<string, NDArray>[], network: Network): Sums {
  const number = (name: string) => results.reduce((sum, r) => sum + Number(r[name]!.data[0]), 0)
  const gradients = mapRecord(network.parameters, ({ shape }, name) => {
    const [first, ...rest] = results.map((r) => r[`gradients.${name}`]!.data as Float32Array)
    const total = first!
    for (const part of rest) for (let i = 0; i < total.length; i++) total[i]! += part[i]!
    return float32(shape, total)
  })
  return { loss: number('loss'), right: number('right'), gradients }
}
