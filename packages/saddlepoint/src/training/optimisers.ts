/** Update rules of parameters, as traced functions over records of them. */
import { scalar, sqrt, type Tensor } from '@saddlepoint/autodiff'
import { mapRecord, type TracedParameters } from './parameters.ts'

export interface UpdateContext {
  readonly parameters: TracedParameters
  readonly gradients: TracedParameters
  /** The optimiser's own memory, by slot; zeros at first. */
  readonly state: Readonly<Record<string, TracedParameters>>
  /** Learning rate, a scalar. */
  readonly rate: Tensor
  /** Number of this update, from 1, a scalar. */
  readonly step: Tensor
  /** Whether weight decay applies to a parameter. */
  decays(name: string): boolean
}

export interface Update {
  readonly parameters: TracedParameters
  readonly state: Readonly<Record<string, TracedParameters>>
}

export interface Optimiser {
  readonly name: string
  readonly reference: string
  /** Names of the values it remembers for every parameter. */
  readonly slots: readonly string[]
  /** Works number by number: a parameter may be handed over in pieces of any shape. */
  update(context: UpdateContext): Update
}

export interface SgdOptions {
  /** @default 0.9 */
  readonly momentum?: number
  /** Looks ahead along the momentum (Sutskever et al. 2013). @default true */
  readonly nesterov?: boolean
  /** Added to the gradient as weightDecay · parameter. @default 5e-4 */
  readonly weightDecay?: number
}

/** Gradient descent with momentum: v ← μ v + g, then θ ← θ − rate · (g + μ v), or − rate · v without Nesterov. */
export function sgd(options: SgdOptions = {}): Optimiser {
  const { momentum = 0.9, nesterov = true, weightDecay = 5e-4 } = options
  return {
    name: 'sgd',
    reference: 'Sutskever, Martens, Dahl, Hinton 2013',
    slots: momentum ? ['momentum'] : [],
    update({ parameters, gradients, state, rate, decays }) {
      const decayed = mapRecord(gradients, (g, name) =>
        weightDecay && decays(name) ? g.add(parameters[name]!.mul(weightDecay)) : g,
      )
      if (!momentum)
        return { parameters: mapRecord(parameters, (p, name) => p.sub(decayed[name]!.mul(rate))), state }
      const velocity = mapRecord(decayed, (g, name) => state['momentum']![name]!.mul(momentum).add(g))
      const next = mapRecord(parameters, (p, name) => {
        const v = velocity[name]!
        return p.sub((nesterov ? decayed[name]!.add(v.mul(momentum)) : v).mul(rate))
      })
      return { parameters: next, state: { momentum: velocity } }
    },
  }
}

export interface AdamWOptions {
  /** Decay of the mean of gradients. @default 0.9 */
  readonly beta1?: number
  /** Decay of the mean of squared gradients. @default 0.999 */
  readonly beta2?: number
  /** @default 1e-8 */
  readonly epsilon?: number
  /** Taken off the parameter itself, times the learning rate. @default 0.01 */
  readonly weightDecay?: number
}

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2; Kingma & Ba 2015). */
export function adamW(options: AdamWOptions = {}): Optimiser {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options
  return {
    name: 'adamw',
    reference: 'Loshchilov & Hutter 2019, algorithm 2',
    slots: ['mean', 'square'],
    update({ parameters, gradients, state, rate, step, decays }) {
      const mean = mapRecord(gradients, (g, name) => state['mean']![name]!.mul(beta1).add(g.mul(1 - beta1)))
      const square = mapRecord(gradients, (g, name) =>
        state['square']![name]!.mul(beta2).add(g.square().mul(1 - beta2)),
      )
      const correction = (beta: number) => scalar(1).sub(scalar(beta).pow(step))
      // Corrections are numbers: they are put where they cost no pass over the parameters.
      const length = rate.div(correction(beta1))
      const scale = scalar(1).div(sqrt(correction(beta2)))
      const next = mapRecord(parameters, (p, name) => {
        const deviation = sqrt(square[name]!).mul(scale).add(epsilon)
        const kept = weightDecay && decays(name) ? p.mul(scalar(1).sub(rate.mul(weightDecay))) : p
        return kept.sub(mean[name]!.mul(length).div(deviation))
      })
      return { parameters: next, state: { mean, square } }
    },
  }
}

/** Exponential moving average of parameters: average ← decay · average + (1 − decay) · parameters. */
export function movingAverage(
  average: TracedParameters,
  parameters: TracedParameters,
  decay: Tensor,
): TracedParameters {
  const rest = scalar(1).sub(decay)
  return mapRecord(average, (a, name) => a.mul(decay).add(parameters[name]!.mul(rest)))
}
