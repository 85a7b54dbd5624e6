/** A trained network as an ordinary ONNX file, whose weights carry their names. */
import {
  compile,
  defaultEngine,
  emitBytes,
  float32,
  input,
  sizeOf,
  type Engine,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { fillUniform } from '../random/philox.ts'
import type { Network } from './network.ts'
import { constants, mapRecord, type Parameters, type TracedParameters } from './parameters.ts'

export interface ExportOptions {
  /** @default 'input' */
  readonly inputName?: string
  /** @default 'logits' */
  readonly outputName?: string
  /** Written into the file as its metadata. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** The network with its parameters as a model file: input [N, …shape], output [N, classes]. */
export function exportNetwork(
  network: Network,
  parameters: Parameters,
  options: ExportOptions = {},
): Uint8Array {
  const { inputName = 'input', outputName = 'logits', metadata } = options
  const x = input(inputName, 'float32', [-1, ...network.shape])
  const weights = constants(parameters)
  return emitBytes([x], { [outputName]: network.logits(weights, x) }, { name: network.name, metadata })
}

/** The file's scores differ from those of the network it was made from. */
export class ExportError extends Error {
  override name = 'ExportError'
}

/**
 * Runs an exported file beside the graph that was trained, on random samples.
 *
 * @returns the largest difference of two scores
 * @throws ExportError if it is more than 1e-4 of the largest score
 */
export async function checkExport(
  bytes: Uint8Array,
  network: Network,
  parameters: Parameters,
  options: Pick<ExportOptions, 'inputName' | 'outputName'> & { readonly engine?: Engine } = {},
): Promise<number> {
  const { inputName = 'input', outputName = 'logits', engine = defaultEngine() } = options
  const dims = [4, ...network.shape]
  const x = float32(dims, fillUniform(new Float32Array(sizeOf(dims)), { seed: 0, sample: 0 }))
  const forward = compile((weights: TracedParameters, samples: Tensor) => network.logits(weights, samples), {
    engine,
    specs: [mapRecord(network.parameters, ({ shape }) => ({ shape })), { shape: [-1, ...network.shape] }],
  })
  const program = await engine.load(bytes)
  try {
    const [expected, results] = await Promise.all([forward(parameters, x), program.run({ [inputName]: x })])
    return assertClose(results[outputName]!, expected)
  } finally {
    await Promise.all([forward.release(), program.release()])
  }
}

/** @throws ExportError if scores of a file differ from the wanted by more than 1e-4 of the largest */
export function assertClose(found: NDArray, wanted: NDArray): number {
  const scores = wanted.data as Float32Array
  const scale = scores.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3)
  const difference = (found.data as Float32Array).reduce(
    (most, v, i) => Math.max(most, Math.abs(v - scores[i]!)),
    0,
  )
  if (!(difference <= 1e-4 * scale))
    throw new ExportError(`the file's scores differ from the network's by ${difference.toPrecision(3)}`)
  return difference
}
