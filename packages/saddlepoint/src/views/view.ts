/** What stands between a perturbed sample and the model while gradients are taken: how transferable attacks differ. */
import type { Tensor } from '@saddlepoint/autodiff'

/** Something of each sample, as often as the samples of a view repeat it: [N, …] → [N · n, …]. */
export type Repeat = (perSample: Tensor) => Tensor

/** Samples [N · n, …] to what the model is shown of them. What a view draws at random [N, …] goes through `each`. */
export type View = (samples: Tensor, each: Repeat) => Tensor
