/** Ways and objectives from text: `fourier:steps=300`, `class:1`, `channel:12@conv2`, `direction@conv2`. */
import { readOptions } from '../model/option-text.ts'
import { fourier, pixel } from './adam-ways.ts'
import { ball } from './ball.ts'
import { channel, classObjective, feature, neuron, type Objective } from './objective.ts'
import { VisualiseError, type Way, type WayFactory } from './way.ts'

const factories = [fourier, pixel, ball] as unknown as readonly WayFactory[]

export const ways: ReadonlyMap<string, WayFactory> = new Map(factories.map((f) => [f.definition.name, f]))

/** @throws VisualiseError for a way or an option that there is not */
export function parseWay(text: string): Way {
  const { name, options } = readOptions(text, (message) => new VisualiseError(message))
  const factory = ways.get(name)
  if (!factory)
    throw new VisualiseError(`there is no way "${name}"; there are ${[...ways.keys()].join(', ')}`)
  return factory(Object.fromEntries(options))
}

const byIndex: Readonly<Record<string, (index: number, layer?: string) => Objective>> = {
  class: (index) => classObjective(index),
  feature,
  channel,
  neuron,
}

/** How an objective is written; `direction` takes a vector, which text does not hold. */
export const objectiveForms = ['class:N', 'feature:N[@LAYER]', 'channel:N[@LAYER]', 'neuron:N[@LAYER]']

/** @throws VisualiseError for an objective that is not written so */
export function parseObjective(text: string): Objective {
  const [, kind = '', index, layer] = /^([a-z]+):(\d+)(?:@(.+))?$/.exec(text) ?? []
  const make = Object.hasOwn(byIndex, kind) ? byIndex[kind] : undefined
  if (make && !(kind === 'class' && layer)) return make(Number(index), layer)
  throw new VisualiseError(`there is no objective "${text}"; write ${objectiveForms.join(', ')}`)
}
