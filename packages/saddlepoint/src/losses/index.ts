/** The members of the loss axis. */
import { crossEntropy } from './cross-entropy.ts'
import { dlr } from './dlr.ts'
import type { Loss } from './loss.ts'
import { margin } from './margin.ts'

export const losses: Readonly<Record<string, Loss>> = { 'cross-entropy': crossEntropy, margin, dlr }
export { crossEntropy, dlr, margin }
export { loss, scoreOf, type Loss, type LossContext } from './loss.ts'
