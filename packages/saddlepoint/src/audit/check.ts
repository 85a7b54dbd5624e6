/** What a check of an evaluation is: one question about whether its robust accuracy can be believed. */
import { elements } from '@saddlepoint/autodiff'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import type { AuditEntry } from '../evaluate/result.ts'
import type { AuditContext } from './context.ts'

export type Finding = Pick<AuditEntry, 'status' | 'saw' | 'means' | 'try'>

export interface Check {
  readonly name: string
  /** Paper, and the place in it. */
  readonly source: string
  /** 'full' where it costs about as much as the evaluation itself. */
  readonly cost: 'quick' | 'full'
  /** Undefined where there is nothing to check: no attack of the kind, a model that cannot be looked into. */
  run(context: AuditContext): Promise<Finding | undefined>
}

export const pass = (saw: string, means: string): Finding => ({ status: 'pass', saw, means, try: '' })
export const warn = (saw: string, means: string, attempt: string): Finding => ({
  status: 'warn',
  saw,
  means,
  try: attempt,
})
export const fail = (saw: string, means: string, attempt: string): Finding => ({
  status: 'fail',
  saw,
  means,
  try: attempt,
})

/** Steps of one round of an attack on samples of a shape. */
export const stepsOf = ({ definition, options }: ConfiguredAttack, shape: readonly number[]) =>
  definition.steps(options, elements(shape))

/** `3 of 64 samples`. */
export const some = (count: number, of: number, what = 'sample') =>
  `${count} of ${of} ${what}${of === 1 ? '' : 's'}`

/** Whether a share is so large that chance among so few samples is no excuse: more than `share`, and more than one. */
export const many = (count: number, of: number, share: number) => count > 1 && count > share * of
