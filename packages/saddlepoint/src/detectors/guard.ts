/** A classifier and its detector as one file that says which samples it rejects. */
import { argMax, emitBytes, greater, input } from '@saddlepoint/autodiff'
import type { Detector } from '../criteria/criterion.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'

/**
 * @returns an ONNX file from samples [N, …] as the target has them, preprocessing inside, to `logits` float32 [N, K], `label` int64 [N],
 *   `reject` bool [N] and `score` float32 [N]; a sample is rejected if its score lies above the threshold
 * @throws ClassifierError for a target that can only be asked
 */
export function guarded(
  target: Target,
  { name, score, threshold }: Detector,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const model = traced(target)
  const x = input(target.file?.input ?? 'input', 'float32', [target.batch, ...target.shape])
  const logits = model.logits(x)
  const suspicion = score(x, logits)
  return emitBytes(
    [x],
    { logits, label: argMax(logits, 1), reject: greater(suspicion, threshold), score: suspicion },
    { name: 'guarded', metadata: { detector: name, threshold: String(threshold), ...metadata } },
  )
}
