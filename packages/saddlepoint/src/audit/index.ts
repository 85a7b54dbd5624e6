/** The audit: does an evaluation measure robustness, or the failure of its attacks? */
import { AttackOptionError } from '../attacks/attack.ts'
import { LossError } from '../losses/index.ts'
import type { AuditEntry } from '../evaluate/result.ts'
import type { Check } from './check.ts'
import { blackBox } from './checks/black-box.ts'
import { brokenGradients } from './checks/broken-gradients.ts'
import { incompleteOptimisation } from './checks/incomplete-optimisation.ts'
import { iterative } from './checks/iterative.ts'
import { moreEps } from './checks/more-eps.ts'
import { moreSteps } from './checks/more-steps.ts'
import { randomNoise } from './checks/random-noise.ts'
import { randomness } from './checks/randomness.ts'
import { rejection } from './checks/rejection.ts'
import { silentSuccess } from './checks/silent-success.ts'
import { softmaxOutput } from './checks/softmax-output.ts'
import { tooFewClasses } from './checks/too-few-classes.ts'
import { transferFailure } from './checks/transfer-failure.ts'
import { unavailableGradients } from './checks/unavailable-gradients.ts'
import { unconstrained } from './checks/unconstrained.ts'
import { unstablePredictions } from './checks/unstable-predictions.ts'
import { zeroGradients } from './checks/zero-gradients.ts'
import { AuditContext, type Evaluated } from './context.ts'

export type AuditMode = 'full' | 'quick' | 'off'

/** What the model gives and hides first, then what the attacks made of it. */
export const checks: readonly Check[] = [
  randomness,
  softmaxOutput,
  unavailableGradients,
  zeroGradients,
  brokenGradients,
  unstablePredictions,
  unconstrained,
  incompleteOptimisation,
  silentSuccess,
  transferFailure,
  iterative,
  moreEps,
  moreSteps,
  randomNoise,
  blackBox,
  rejection,
  tooFewClasses,
]

/** A probe that is not made for this norm, loss or model is one thing less to say, and no mistake of the user's. */
function unfit(error: unknown): undefined {
  if (!(error instanceof AttackOptionError || error instanceof LossError)) throw error
}

/**
 * Runs the checks of a mode on an evaluation, one after another.
 *
 * @param tell told before each check
 */
export async function audit(
  evaluated: Evaluated,
  mode: Exclude<AuditMode, 'off'>,
  tell?: (done: number, total: number) => void,
): Promise<AuditEntry[]> {
  const context = new AuditContext(evaluated, mode)
  if (!context.right.length) return []
  const chosen = checks.filter((c) => mode === 'full' || c.cost === 'quick')
  const entries: AuditEntry[] = []
  for (const [i, { name, source, run }] of chosen.entries()) {
    tell?.(i, chosen.length)
    evaluated.field.options.signal?.throwIfAborted()
    const finding = await run(context).catch(unfit)
    if (finding) entries.push({ check: name, source, ...finding })
  }
  return entries
}
