/** Classify, threshold, reject and reclassify as one ONNX file. */
import {
  compile,
  defaultEngine,
  emitBytes,
  float32,
  input,
  sizeOf,
  type Engine,
  type Tensor,
} from '@saddlepoint/autodiff'
import { fillUniform } from '../../random/philox.ts'
import { assertClose, ExportError } from '../../training/export.ts'
import { constants, mapRecord, type Parameters, type TracedParameters } from '../../training/parameters.ts'
import { decide, type GmVaeThresholds } from './decision.ts'
import type { GmVae } from './gmvae.ts'
import { reclassify, type ReclassifyOptions } from './reclassify.ts'

export interface GmVaeExportOptions {
  /** Adds outputs for rejected samples, at the cost of these steps for every sample. @default without */
  readonly reclassification?: ReclassifyOptions
  /** Written into the file as its metadata. */
  readonly metadata?: Readonly<Record<string, string>>
}

function outputs(
  vae: GmVae,
  parameters: TracedParameters,
  thresholds: GmVaeThresholds,
  x: Tensor,
  { reclassification }: GmVaeExportOptions,
): Record<string, Tensor> {
  const { label, reject, latentDistance, reconstructionError } = decide(vae, parameters, thresholds, x)
  const decision = { label, reject, latentDistance, reconstructionError }
  if (!reclassification) return decision
  const again = reclassify(vae, parameters, thresholds, x, reclassification)
  return { ...decision, reclassifiedLabel: again.label, reclassifiedReject: again.reject }
}

/**
 * The whole defence as a file: `input` float32 [N, …shape] to `label` int64 [N], `reject` bool [N], `latentDistance` float32 [N]
 * in standard deviations of a class and `reconstructionError` float32 [N], the squared error; with reclassification also
 * `reclassifiedLabel` int64 [N] and `reclassifiedReject` bool [N], which hold for rejected samples.
 */
export function exportGmVae(
  vae: GmVae,
  parameters: Parameters,
  thresholds: GmVaeThresholds,
  options: GmVaeExportOptions = {},
): Uint8Array {
  const x = input('input', 'float32', [-1, ...vae.shape])
  const results = outputs(vae, constants(parameters), thresholds, x, options)
  return emitBytes([x], results, { name: vae.name, metadata: options.metadata })
}

/**
 * Runs an exported file beside the graph that was trained, on random samples.
 *
 * @throws ExportError if a reading differs by more than 1e-4 of the largest, or a decision that does not follow an optimisation
 */
export async function checkGmVaeExport(
  bytes: Uint8Array,
  vae: GmVae,
  parameters: Parameters,
  thresholds: GmVaeThresholds,
  { engine = defaultEngine() }: { readonly engine?: Engine } = {},
): Promise<void> {
  const dims = [4, ...vae.shape]
  const x = float32(dims, fillUniform(new Float32Array(sizeOf(dims)), { seed: 0, sample: 0 }))
  const specs = mapRecord(vae.parameters, ({ shape }) => ({ shape }))
  const forward = compile(
    (weights: TracedParameters, samples: Tensor) => outputs(vae, weights, thresholds, samples, {}),
    { engine, specs: [specs, { shape: [-1, ...vae.shape] }] },
  )
  const program = await engine.load(bytes)
  try {
    const [wanted, found] = await Promise.all([forward(parameters, x), program.run({ input: x })])
    for (const name of ['latentDistance', 'reconstructionError']) assertClose(found[name]!, wanted[name]!)
    for (const name of ['label', 'reject'])
      if (String(found[name]!.data) !== String(wanted[name]!.data))
        throw new ExportError(`the file's ${name} differs from the network's`)
  } finally {
    await Promise.all([forward.release(), program.release()])
  }
}
