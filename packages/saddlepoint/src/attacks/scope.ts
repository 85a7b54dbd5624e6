/** What a traced start or step works with, made for one target, set, loss and criterion; counts the passes it is asked for. */
import {
  clip,
  gather,
  gradientOf,
  sameShape,
  stack,
  withRank,
  type Shape,
  type Tensor,
} from '@saddlepoint/autodiff'
import { expected } from '../gradients/eot.ts'
import type { Climb, Slope } from '../gradients/gradient.ts'
import { gradientRules } from '../gradients/index.ts'
import { transforms, type Transform } from '../gradients/transforms.ts'
import { climbed, held } from '../model/ensemble.ts'
import type { Repeat, View } from '../views/view.ts'
import { repeatRows } from '../perturbations/norms.ts'
import {
  AttackOptionError,
  type AttackScope,
  type AttackSetting,
  type AttackState,
  type ConfiguredAttack,
} from './attack.ts'
import type { Declare } from './program.ts'

/** Passes through the model that one call of a graph costs each sample. */
export interface Passes {
  forwards: number
  backwards: number
}

/** A point that was evaluated. */
export interface Visit {
  readonly p: Tensor
  readonly logits: Tensor
}

export interface TracedScope {
  readonly scope: AttackScope
  readonly visited: readonly Visit[]
  /** What the loss remembers of the clean samples, as a part of the state. */
  readonly remembered: Readonly<Record<string, Tensor>>
  /** Most rows that one evaluation has for each sample. */
  width(): number
}

/** @param state what the step before has left; at the start there is none */
export function scopeOf(
  attack: ConfiguredAttack,
  setting: AttackSetting,
  declare: Declare,
  passes: Passes,
  state: AttackState | undefined,
  step: Tensor,
): TracedScope {
  const { model, perturbation, loss, criterion } = setting
  const { bounds } = model
  const x = declare.perSample('x', model.shape)
  const labels = declare.perSample('labels', [], 'int64')
  const targets = declare.perSample('targets', [], 'int64')
  const eps = declare.perSample('eps', [])
  const activations =
    model.activations &&
    ((samples: Tensor) => {
      passes.forwards++
      return model.activations!(samples)
    })
  const around = (radius: Tensor) => perturbation.around({ x, eps: radius, bounds, activations })
  const ball = around(eps)
  const wanted = criterion.targeted ? targets : undefined
  const visited: Visit[] = []
  let width = 1
  const models = model.members?.models.length ?? 1

  const scores = (samples: Tensor) => scoresOf(setting, declare, samples)
  const rule = gradientRules[attack.options.gradient]
  if (!rule)
    throw new AttackOptionError(
      `${attack.name}: there is no gradient "${attack.options.gradient}"; there are ${Object.keys(gradientRules).join(', ')}`,
    )

  const inside = (samples: Tensor) => model.value && ((name: string) => model.value!(samples, name))
  const remembered = state ? memoryOf(state) : remember()
  const clean = Object.fromEntries(
    Object.entries(remembered).map(([key, t]) => [key.slice(MEMORY.length), t]),
  )
  function remember(): Readonly<Record<string, Tensor>> {
    if (!loss.remembers) return {}
    passes.forwards += models
    const kept = loss.remembers({ logits: scores(x), value: inside(x) })
    return Object.fromEntries(Object.entries(kept).map(([key, t]) => [`${MEMORY}${key}`, t]))
  }

  const { eot, strength } = attack.options
  const transform = transformOf(attack, setting)
  const averaged = eot > 1 || transform ? expected(rule, eot) : undefined

  const fixed = {
    ball,
    around,
    repeated: (count: number) =>
      perturbation.around({
        x: repeatRows(x, count),
        eps: repeatRows(eps, count),
        bounds,
        activations,
      }),
    norm: perturbation.name,
    x,
    eps,
    labels,
    targets: wanted,
    given: attack.from && !state ? startOf() : undefined,
    random: declare.random,
    step,
    round: declare.shared('round', []),
    classes: model.classes,
    loss: perProbe((logits, each, towards) => {
      const samples = samplesOf.get(logits)
      return climbed(model, logits, samples, (found) =>
        loss({
          logits: found,
          labels: each(labels),
          targets: towards && each(towards),
          clean: Object.fromEntries(Object.entries(clean).map(([key, t]) => [key, each(t)])),
          samples,
          value: samples && inside(samples),
        }),
      )
    }),
    succeeds: perProbe((logits, each) => {
      const samples = samplesOf.get(logits)
      return held(model, logits, samples, (found) =>
        criterion({ logits: found, labels: each(labels), targets: each(targets), samples }),
      )
    }),
    derivative: (value: Tensor, p: Tensor) => single(value, p),
    prior,
  }
  const scope = seen(undefined)

  /** What there is to ask of the model, through a view or as it is. */
  function seen(view: View | undefined): AttackScope {
    const look = (samples: Tensor, each: Repeat) => scores(view ? view(samples, each) : samples)
    const own: AttackScope = {
      ...fixed,
      evaluate(p) {
        passes.forwards += models
        const logits = look(ball.apply(p), (t) => t)
        if (!view) visited.push({ p, logits })
        return logits
      },
      evaluateMany(p) {
        const [n, count] = p.shape as [number, number]
        passes.forwards += count * models
        width = Math.max(width, count)
        // A model with a batch of its own takes the probes one after another; so does one whose draws a batch has in common.
        if (n > 0 || model.randomness === 'shared')
          return stack(
            Array.from({ length: count }, (_, i) => look(ball.apply(gather(p, i, 1)), (t) => t)),
            1,
          )
        const rows = p.reshape([n * count, ...p.shape.slice(2)])
        const scored = look(fixed.repeated(count).apply(rows), (t) => repeatRows(t, count))
        const logits = scored.reshape([n, count, model.classes])
        samplesOf.set(logits, samplesOf.get(scored)!)
        return logits
      },
      slope: (p, climb = fixed.loss) =>
        averaged ? meanSlope(own, p, climb) : rule!.slope(own, p, climb, attack.options),
      ascend: (p) => own.slope(p).gradient,
      ascendMany: (p) => single(fixed.loss(own.evaluateMany(p)), p, p.shape[1]),
      through: (inner) => seen(view ? (samples, each) => view(inner(samples, each), each) : inner),
    }
    return own

    function meanSlope(at: AttackScope, p: Tensor, climb: Climb): Slope {
      const drawn = transform ? at.through(transformed) : at
      const each = { ...drawn, derivative: (value: Tensor, q: Tensor) => derivative(value, q, eot) }
      const slope = averaged!.slope(each, p, climb, attack.options)
      // Whether a sample is adversarial is for the model to say, and not for its mean over transformed samples.
      if (transform) return { ...slope, logits: at.evaluate(p) }
      if (!view) visited.push({ p, logits: slope.logits })
      return slope
    }
  }

  /** A view by the chosen transform, with a draw for every row of a tensor that has several rows of each sample. */
  function transformed(samples: Tensor): Tensor {
    const rows = samples.shape[0]!
    const count = rows / x.shape[0]!
    const draw = (kind: 'uniform' | 'normal') => (shape: Shape) =>
      declare.random[kind]([count, ...shape]).reshape([rows, ...shape])
    return transform!(samples, { uniform: draw('uniform'), normal: draw('normal') }, strength)
  }

  /** The gradient at single points, for attacks that ask for nothing but that. */
  function single(value: Tensor, p: Tensor, count = 1): Tensor {
    if (averaged)
      throw new AttackOptionError(`${attack.name} takes single gradients only, not eot or a transform`)
    return derivative(value, p, count)
  }

  /** @param count points that the value is taken at */
  function derivative(value: Tensor, p: Tensor, count = 1): Tensor {
    if (rule!.access !== 'gradient')
      throw new AttackOptionError(`${attack.name} takes exact gradients only, not gradient=${rule!.name}`)
    passes.backwards += count * models
    return gradientOf(value, p, { rules: model.rules })
  }

  /** A function of scores [N, K] and per-sample values, also on [N, n, K]. */
  function perProbe(
    f: (logits: Tensor, each: (perSample: Tensor) => Tensor, towards: Tensor | undefined) => Tensor,
  ) {
    return (logits: Tensor, towards: Tensor | undefined = wanted): Tensor => {
      if (logits.rank === 2) return f(logits, (t) => t, towards)
      const [n, count, k] = logits.shape as [number, number, number]
      const flat = logits.reshape([n * count, k])
      const samples = samplesOf.get(logits)
      if (samples) samplesOf.set(flat, samples)
      const values = f(flat, (t) => repeatRows(t, count), towards)
      return values.reshape([n, count])
    }
  }
  function prior(p: Tensor): Tensor {
    const { substitute } = setting
    if (!substitute?.logits)
      throw new AttackOptionError(
        `${attack.name} is guided by the gradient of a substitute model, and none is given (--substitute)`,
      )
    const logits = substitute.logits(ball.apply(p))
    return gradientOf(loss({ logits, labels, targets: wanted, clean: {} }), p, { rules: substitute.rules })
  }
  /** The perturbation that leads to where another attack has ended. */
  function startOf(): Tensor {
    const p = declare.perSample('given', model.shape).sub(x)
    if (!perturbation.parametric && sameShape(ball.zero().shape, p.shape)) return ball.project(p)
    throw new AttackOptionError(`${attack.name}: no attack can go on from another in ${perturbation.name}`)
  }
  return { scope, visited, remembered, width: () => width }
}

/** Before the names of what the loss remembers, in the state. */
const MEMORY = 'clean.'
const memoryOf = (state: AttackState) =>
  Object.fromEntries(Object.entries(state).filter(([key]) => key.startsWith(MEMORY)))

/** What scores are of: losses and criteria may look at the samples, or at what the model makes of them inside. */
const samplesOf = new WeakMap<Tensor, Tensor>()

function transformOf({ name, options }: ConfiguredAttack, setting: AttackSetting): Transform | undefined {
  if (options.transform === 'none') return undefined
  const named = { ...transforms, ...setting.transforms }
  const found = named[options.transform]
  if (!found)
    throw new AttackOptionError(
      `${name}: there is no transform "${options.transform}"; there are none, ${Object.keys(named).join(', ')}`,
    )
  return found
}

/** Scores of samples: of the model in the graph, or of a target that is asked between two graphs. */
export function scoresOf({ model }: AttackSetting, declare: Declare, samples: Tensor): Tensor {
  const logits = model.logits ? model.logits(samples) : declare.answer(clip(samples, ...model.bounds))
  samplesOf.set(logits, samples)
  return logits
}

/** One flag per sample, to choose between tensors like p. */
export const flag = (perSample: Tensor, p: Tensor) => withRank(perSample, p.rank)
