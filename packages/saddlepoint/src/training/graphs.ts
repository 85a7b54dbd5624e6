/** The graphs of training that run a network: gradients of one shard of a batch, and its accuracy. */
import {
  argMax,
  equal,
  expand,
  gradientOf,
  scalar,
  stopGradient,
  type Engine,
  type Tensor,
} from '@saddlepoint/autodiff'
import { TracedProgram, type Declare } from '../attacks/program.ts'
import type { Training } from './layers.ts'
import { MethodOptionError, type TrainingMethod } from './methods/method.ts'
import type { Network } from './network.ts'
import { mapRecord, type TracedParameters } from './parameters.ts'

/** How many samples are right, as a scalar. */
export const countRight = (logits: Tensor, labels: Tensor): Tensor =>
  equal(argMax(logits, 1), labels).cast('float32').sum()

export interface GradientGraph {
  readonly program: TracedProgram
  /** Shape of what the method remembers of a sample, if it asked for it: `memory` in, `remember` out. */
  readonly memory?: readonly number[]
}

/** How many samples there are, as a scalar. */
const count = (x: Tensor): Tensor => expand(scalar(1), [x.shape[0]!]).sum()

/**
 * Gradients of the summed loss of a shard, with the sum of the loss and the number of samples that were right. The
 * batch's mean is taken after the shards have been added up, so that it is the same however they were shared out.
 * In place of the gradient of a statistic stands its distance from what was observed, for each sample: that of half the
 * squared distance.
 */
export async function gradientGraph(
  engine: Engine,
  network: Network,
  method: TrainingMethod,
): Promise<GradientGraph> {
  let memory: readonly number[] | undefined
  const program = await TracedProgram.build(engine, -1, `${network.name}.gradient`, (declare) => {
    const x = declare.perSample('x', network.shape)
    const labels = declare.perSample('labels', [], 'int64')
    const parameters = declareParameters(declare, network, 'parameters')
    const observed = new Map<string, Tensor[]>()
    const training: Training = {
      random: declare.random,
      observe: (name, value) => observed.set(name, [...(observed.get(name) ?? []), stopGradient(value)]),
    }
    const { loss, logits, remember } = method.objective({
      x,
      labels,
      parameters,
      bounds: network.bounds,
      random: declare.random,
      strength: declare.shared('strength', []),
      labelledWeight: declare.shared('labelledWeight', []),
      logits: (samples, given = parameters) => network.logits(given, samples, training),
      evaluate: (samples, given = parameters) => network.logits(given, samples),
      halves: () => halvesOf(network, method, parameters, training),
      memory: (shape) => declare.perSample('memory', (memory = shape)),
    })
    const sum = loss.sum()
    return {
      loss: sum,
      right: countRight(logits, labels),
      ...(remember && { remember }),
      ...prefixed('gradients', {
        ...gradientOf(sum, parameters),
        ...mapRecord(Object.fromEntries(observed), (values, name) => {
          const mean = values.reduce((a, b) => a.add(b)).div(values.length)
          return parameters[name]!.sub(mean).mul(count(x))
        }),
      }),
    }
  })
  return { program, ...(memory && { memory }) }
}

/** How many samples of a shard are right as they are, and after a method's inner attack. */
export function accuracyGraph(
  engine: Engine,
  network: Network,
  method: TrainingMethod | undefined,
): Promise<TracedProgram> {
  return TracedProgram.build(engine, -1, `${network.name}.accuracy`, (declare) => {
    const x = declare.perSample('x', network.shape)
    const labels = declare.perSample('labels', [], 'int64')
    const parameters = declareParameters(declare, network, 'parameters')
    const logits = (samples: Tensor, given = parameters) => network.logits(given, samples)
    const attacked = method?.objective({
      x,
      labels,
      parameters,
      bounds: network.bounds,
      random: declare.random,
      strength: scalar(1),
      labelledWeight: scalar(1),
      logits,
      evaluate: logits,
      halves: () => halvesOf(network, method, parameters),
      memory: (shape) => expand(scalar(0), [x.shape[0]!, ...shape]),
    })
    return {
      clean: countRight(logits(x), labels),
      ...(attacked ? { attacked: countRight(attacked.logits, labels) } : {}),
    }
  })
}

function halvesOf(
  { name, split }: Network,
  method: TrainingMethod | undefined,
  parameters: TracedParameters,
  training?: Training,
) {
  if (!split)
    throw new MethodOptionError(
      `${method?.name} needs the first layer by itself, and ${name} is not known as a sequence of layers`,
    )
  return {
    first: (x: Tensor) => split.first(parameters, x, training),
    rest: (z: Tensor) => split.rest(parameters, z, training),
  }
}

function declareParameters(declare: Declare, network: Network, prefix: string): TracedParameters {
  return mapRecord(network.parameters, ({ shape }, name) => declare.shared(`${prefix}.${name}`, shape))
}

export function prefixed<V>(prefix: string, record: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).map(([name, v]) => [`${prefix}.${name}`, v]))
}
