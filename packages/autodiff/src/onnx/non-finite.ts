/** Weights that are not numbers: not an error of the format, but nearly always one of the model. */
import type { NDArray } from '../tensor/array.ts'
import type { OnnxGraph, OnnxModel } from './graph.ts'
import { subgraphs } from './order.ts'

/** The initializers that hold NaN or infinities, with how many, in file order; subgraphs included. */
export function findNonFinite(model: OnnxModel): { name: string; count: number }[] {
  return inGraph(model.graph)
}

function inGraph(graph: OnnxGraph): { name: string; count: number }[] {
  const own = Array.from(graph.initializers, ([name, array]) => ({ name, count: countNonFinite(array) }))
  return [...own.filter(({ count }) => count > 0), ...graph.nodes.flatMap(subgraphs).flatMap(inGraph)]
}

function countNonFinite({ type, data }: NDArray): number {
  let count = 0
  if (type === 'float32' || type === 'float64') {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++
  } else if (type === 'float16' || type === 'bfloat16') {
    // An exponent of all ones, as bits.
    const exponent = type === 'float16' ? 0x7c00 : 0x7f80
    for (let i = 0; i < data.length; i++) if ((Number(data[i]) & exponent) === exponent) count++
  }
  return count
}
