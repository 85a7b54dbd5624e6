/** What attacks have in common whose samples are meant for other models than the one they climb. */
import { z } from 'zod'
import type { AttackScope, AttackState } from './attack.ts'

/** They go on after the model they climb is fooled: what another model falls for lies farther. */
export const lastOnly = {
  iterates: z
    .enum(['every', 'last'])
    .default('last')
    .describe('whether a success at any iterate counts, or only at the last one, which transfers better'),
}

/** Looks at the sample as it is, where that is asked for; gradients through a view do not. */
export function judged(scope: AttackScope, { p }: AttackState, { iterates }: { iterates: string }): void {
  if (iterates === 'every') scope.evaluate(p)
}
