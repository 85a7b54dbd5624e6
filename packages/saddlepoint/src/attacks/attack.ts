/** What an attack is: a start and a step, written as traced functions over the state of each sample. */
import type { Engine, NDArray, Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { Criterion } from '../criteria/criterion.ts'
import type { Loss } from '../losses/loss.ts'
import { lossForms } from '../losses/registry.ts'
import type { Access, Target } from '../model/target.ts'
import { fraction } from '../model/conventions.ts'
import { checkedOptions } from '../model/option-text.ts'
import type { Ball, Perturbation } from '../perturbations/perturbation.ts'
import type { View } from '../views/view.ts'
import type { Climb, Slope } from '../gradients/gradient.ts'
import type { Transform } from '../gradients/transforms.ts'
import type { RandomSource } from './random-source.ts'

/**
 * Per-sample tensors that one step hands to the next; `p` is the perturbation that is evaluated. Samples for which a `done` [N] is 1
 * take no further step before `finish`.
 */
export type AttackState = Readonly<Record<string, Tensor>> & { readonly p: Tensor }

/** What a traced start or step works with. */
export interface AttackScope {
  readonly ball: Ball
  /** The ball of another radius [N] around the same samples. */
  around(radius: Tensor): Ball
  /** The set around n copies of each sample: p [N · n, …]. */
  repeated(count: number): Ball
  /** Name of the perturbation set, for attacks that have a rule of their own for each. */
  readonly norm: string
  /** Clean samples [N, …]. */
  readonly x: Tensor
  /** Radius per sample [N]. */
  readonly eps: Tensor
  /** True classes, int64 [N]. */
  readonly labels: Tensor
  /** Wanted classes, int64 [N], if the attack is targeted. */
  readonly targets?: Tensor
  /** Where the attack before this one ended, if it is to go on from there. */
  readonly given?: Tensor
  readonly random: RandomSource
  /** Number of this step, from 0: a scalar. */
  readonly step: Tensor
  /** Number of this round, from 0: a scalar. A round is a restart, or what the attack's `rounds` makes of it. */
  readonly round: Tensor
  /** How many classes the model has. */
  readonly classes: number
  /** Scores of the perturbed samples [N, K]; costs one forward pass per sample. */
  evaluate(p: Tensor): Tensor
  /** Scores of n perturbed samples each: p [N, n, …] → [N, n, K]; costs n forward passes per sample. */
  evaluateMany(p: Tensor): Tensor
  /** The chosen loss, [N] ([N, n] of scores [N, n, K]), to be climbed; towards other targets than the user's where given. */
  loss(logits: Tensor, targets?: Tensor): Tensor
  /** Whether the criterion is met, bool [N], or [N, n] of scores [N, n, K]. */
  succeeds(logits: Tensor): Tensor
  /** Gradient of the sum of a value with respect to p; costs a backward pass per sample. */
  derivative(value: Tensor, p: Tensor): Tensor
  /**
   * Scores at p, what is climbed there (the loss if not given) and its gradient, by the chosen member of the gradient axis: the
   * exact one costs a forward and a backward pass per sample.
   */
  slope(p: Tensor, climb?: Climb): Slope
  /** Gradient of the loss of the substitute model at p: costs the attacked model nothing. */
  prior(p: Tensor): Tensor
  /** The gradient of `slope`, of the loss. */
  ascend(p: Tensor): Tensor
  /** Gradients of the loss at n points of each sample: p [N, n, …] → the same; costs n forward and n backward passes. */
  ascendMany(p: Tensor): Tensor
  /** The same, with the model looking through a view; what succeeds there has not succeeded yet. */
  through(view: View): AttackScope
}

export interface AttackDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** Paper, and equation or algorithm number. */
  readonly reference: string
  /** What it needs of the model. */
  readonly access: Access
  /** Whether it stays within a given eps, or looks for the smallest one. */
  readonly kind: 'fixed-eps' | 'minimum-norm'
  /** Its place on the axes, in a few words. */
  readonly optimiser: string
  /** Whether a minimum-norm attack can set out from what another has found: from `given` of its scope. */
  readonly resumes?: boolean
  /** Perturbation sets it is made for; any when absent. */
  readonly norms?: readonly string[]
  /** Whether it draws what it adds to a sample: sets of parameters are then not for it. */
  readonly additive?: boolean
  /** The set it brings along: the only one it is made for, unless `norms` names more. */
  readonly perturbation?: Perturbation
  readonly options: Options
  /** Whether it is for several models at once only. */
  readonly several?: boolean
  /** Whether it looks at points beyond the radius on its way, where what succeeds is no success; it does not when absent. */
  wanders?(norm: string, options: z.output<Options>): boolean
  /** Rounds of one restart, where the attack goes through several (one for each target class, say). */
  rounds?(options: z.output<Options>, classes: number): number
  /** @param values how many values a sample has */
  steps(options: z.output<Options>, values: number): number
  /** What a minimum-norm attack ranks its successes by, [N]: the perturbation's size if absent. */
  size?(p: Tensor, ball: Ball, options: z.output<Options>): Tensor
  start(scope: AttackScope, options: z.output<Options>): AttackState
  step(scope: AttackScope, state: AttackState, options: z.output<Options>): AttackState
  /** Steps of another kind after the last one, such as a search that needs no gradients. */
  readonly finish?: Finish<z.output<Options>>
}

export interface Finish<Options = object> {
  steps(options: Options): number
  /** As an attack's step; `step` counts from 0 again. */
  step(scope: AttackScope, state: AttackState, options: Options): AttackState
}

/** What is climbed, as text that `parseLoss` reads. */
export const lossOption = (byDefault: string) =>
  z
    .string()
    .default(byDefault)
    .describe(`what it climbs: ${lossForms.join(', ')}`)

/** Options that every attack of the shared driver has. */
export const sharedOptions = z.object({
  loss: lossOption('cross-entropy'),
  restarts: z
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('runs from new random starts, on the samples still standing'),
  iterates: z
    .enum(['every', 'last'])
    .default('every')
    .describe('whether a success at any iterate counts, or only at the last one'),
  gradient: z
    .string()
    .default('exact')
    .describe(
      'how gradients are come by: exact, or estimated from scores alone by nes, spsa or sphere, or by prgf with the help of a substitute',
    ),
  samples: z
    .number()
    .int()
    .min(2)
    .default(100)
    .describe('forward passes of one estimated gradient, apart from the one at the point itself'),
  sigma: fraction.default(0.001).describe('how far the probes of an estimated gradient lie from the point'),
  eot: z
    .number()
    .int()
    .min(1)
    .default(1)
    .describe(
      'draws that a gradient is the mean of: of the randomness in the model, or of a random transform',
    ),
  transform: z
    .string()
    .default('none')
    .describe('random transform of the input, drawn anew for every gradient: none or noise'),
  strength: fraction.default(0.05).describe('how far a transform goes: for noise, its standard deviation'),
})
export type SharedOptions = z.output<typeof sharedOptions>

/** An attack with its options chosen. */
export interface ConfiguredAttack {
  readonly definition: AttackDefinition
  readonly name: string
  readonly options: Readonly<Record<string, unknown>> & SharedOptions
  /** An attack to run first, from whose last attempts this one sets out: see `startingFrom`. */
  readonly from?: ConfiguredAttack
  /** Perturbation sets it was chosen for, such as by a preset that has others for the rest; all when absent. */
  readonly chosenFor?: (norm: string) => boolean
}

/** Those of several attacks that were chosen for a perturbation set. */
export const chosenFor = (norm: string, attacks: readonly ConfiguredAttack[]) =>
  attacks.filter((a) => a.chosenFor?.(norm) ?? true)

/** Chosen options that the attack does not have, or that are out of range. */
export class AttackOptionError extends Error {
  override name = 'AttackOptionError'
}

export interface AttackFactory<Options extends z.ZodObject> {
  (options?: z.input<Options> & z.input<typeof sharedOptions>): ConfiguredAttack
  readonly definition: AttackDefinition<Options>
}

/** Makes an attack out of its definition: a function from options to an attack. */
export function attack<Options extends z.ZodObject>(
  definition: AttackDefinition<Options>,
): AttackFactory<Options> {
  const schema = optionsOf(definition)
  const { name } = definition
  const configure = (given?: object): ConfiguredAttack => {
    const options = checkedOptions(name, schema, given, (m) => new AttackOptionError(m))
    return {
      definition: definition as unknown as AttackDefinition,
      name,
      options: options as ConfiguredAttack['options'],
    }
  }
  return Object.assign(configure, { definition }) as unknown as AttackFactory<Options>
}

/** Own and shared options together. */
export function optionsOf(definition: Pick<AttackDefinition, 'options'>): z.ZodObject {
  return sharedOptions.extend(definition.options.shape).strict()
}

/** Step length as a number in the units of eps, or a rule when absent. */
export const stepSizeOption = (rule: string) =>
  fraction.optional().describe(`step length in the units of eps; ${rule} if absent`)

/** One attack made ready for one model, norm and criterion. */
export interface PreparedAttack {
  run(batch: AttackBatch, control?: AttackControl): Promise<AttackOutcome>
  release(): Promise<void>
}

export interface AttackSetting {
  readonly model: Target
  readonly perturbation: Perturbation
  readonly criterion: Criterion
  readonly loss: Loss
  /** A model with gradients that resembles the attacked one, for attacks that use both. */
  readonly substitute?: Target
  /** Random transforms by name beyond those of the library. */
  readonly transforms?: Readonly<Record<string, Transform>>
  readonly engine: Engine
}

/** A radius that no sample reaches. */
export const UNLIMITED = 1e9

/** Samples to attack together. */
export interface AttackBatch {
  /** [n, …] in the model's bounds. */
  readonly x: NDArray
  /** Index of the true output of each sample. */
  readonly labels: ArrayLike<number>
  readonly targets?: ArrayLike<number>
  /**
   * Radius of each sample. A search for the smallest perturbation is done with a sample once it has found one that fits;
   * `UNLIMITED` lets it go on to its end.
   */
  readonly eps: ArrayLike<number>
  /** Index of each sample in its data set: random numbers depend on it. */
  readonly samples: readonly number[]
  /** Samples [n, …] to set out from, for an attack prepared with `from`. */
  readonly start?: NDArray
}

export interface AttackControl {
  readonly seed?: number
  readonly signal?: AbortSignal
  /** Model evaluations (forward passes) that a sample may cost. */
  readonly maxQueries?: number
  readonly maxTimeMs?: number
  /** Told after each step: how many samples still stand. */
  onStep?(step: number, standing: number): void
}

export interface AttackOutcome {
  /** The adversarial of each sample; where there is none, the last attempt. */
  readonly adversarials: NDArray
  /** In a parametric set, the parameters of each, [n, …]; absent in others. */
  readonly parameters?: NDArray
  readonly success: readonly boolean[]
  /** Passes through the model that each sample cost. */
  readonly forwards: Uint32Array
  readonly backwards: Uint32Array
}
