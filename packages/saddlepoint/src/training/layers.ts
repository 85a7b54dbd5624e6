/** Layers: traced functions of parameters and activations that say which parameters they read. */
import {
  averagePool,
  batchNormalization,
  batchNormTraining,
  conv as convolve,
  convTranspose as convolveTransposed,
  constant,
  elements,
  flatten as flat,
  float32,
  globalAveragePool as pooled,
  greaterOrEqual,
  instanceNormalization,
  linear as affine,
  maxPool as maxPooled,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { RandomSource } from '../attacks/random-source.ts'
import { fill, heNormal, type Initialiser, type ParameterSpec, type TracedParameters } from './parameters.ts'

/** What a layer has in training and not in use. */
export interface Training {
  readonly random: RandomSource
  /** Takes the value of a statistic on these samples, of which a running mean is kept as the parameter of that name. */
  observe(name: string, value: Tensor): void
}

/** A traced function with named parameters, which may behave otherwise in training. */
export interface Layer {
  (parameters: TracedParameters, x: Tensor, training?: Training): Tensor
  readonly parameters: Readonly<Record<string, ParameterSpec>>
  /** A sequence of layers in two: its first one, and the rest. */
  readonly split?: Split
}

/**
 * `first` goes through the first layer that has parameters and what follows it without any, such as its activation; `rest` from
 * its output to the end.
 */
export interface Split {
  readonly first: Layer
  readonly rest: Layer
}

/** A function of activations alone serves as a layer without parameters. */
export type LayerLike = Layer | ((x: Tensor) => Tensor)

/** Makes a layer of a function and what it reads. */
export function layer(
  parameters: Readonly<Record<string, ParameterSpec>>,
  f: (parameters: TracedParameters, x: Tensor, training?: Training) => Tensor,
): Layer {
  const copy = (given: TracedParameters, x: Tensor, training?: Training) => f(given, x, training)
  return Object.assign(copy, { parameters })
}

const asLayer = (l: LayerLike): Layer => ('parameters' in l ? l : layer({}, (_, x) => l(x)))

const bias = (size: number): ParameterSpec => ({ shape: [size], initialise: fill(0), decay: false })

export interface WeightOptions {
  /** @default He normal for a rectifier */
  readonly initialise?: (fanIn: number) => Initialiser
}

/** x Wᵀ + b: [N, inputs] → [N, outputs]; parameters `name.weight` [outputs, inputs] and `name.bias` [outputs]. */
export function linear(name: string, inputs: number, outputs: number, options: WeightOptions = {}): Layer {
  const { initialise = heNormal } = options
  const [w, b] = [`${name}.weight`, `${name}.bias`]
  return layer(
    {
      [w]: { shape: [outputs, inputs], initialise: initialise(inputs), decay: true },
      [b]: bias(outputs),
    },
    (p, x) => affine(x, p[w]!, p[b]!),
  )
}

export interface ConvLayerOptions extends WeightOptions {
  /** Side of the square kernel. @default 3 */
  readonly kernel?: number
  /** @default 1 */
  readonly stride?: number
  /** On all four sides. @default half the kernel, which keeps the size at stride 1 */
  readonly padding?: number
  /** @default 1 */
  readonly group?: number
  /** Whether an offset for each channel is added: of no use before a normalisation. @default true */
  readonly bias?: boolean
}

function convDefaults({
  kernel = 3,
  stride = 1,
  padding = Math.floor(kernel / 2),
  group = 1,
  initialise = heNormal,
}: ConvLayerOptions) {
  return { kernel, stride, group, initialise, pads: [padding, padding, padding, padding] }
}

/** 2-D convolution [N, inputs, H, W] → [N, outputs, …]; parameters `name.weight` [outputs, inputs / group, k, k] and `name.bias`. */
export function conv(name: string, inputs: number, outputs: number, options: ConvLayerOptions = {}): Layer {
  const { kernel, stride, group, initialise, pads } = convDefaults(options)
  const [w, b] = [`${name}.weight`, `${name}.bias`]
  const fanIn = (inputs / group) * kernel * kernel
  return layer(
    {
      [w]: { shape: [outputs, inputs / group, kernel, kernel], initialise: initialise(fanIn), decay: true },
      ...(options.bias !== false && { [b]: bias(outputs) }),
    },
    (p, x) =>
      convolve(x, p[w]!, p[b], {
        strides: [stride, stride],
        pads,
        group,
      }),
  )
}

/**
 * Transposed 2-D convolution [N, inputs, H, W] → [N, outputs, …], which enlarges by its stride; parameters
 * `name.weight` [inputs, outputs / group, k, k] and `name.bias`.
 */
export function convTranspose(
  name: string,
  inputs: number,
  outputs: number,
  options: ConvLayerOptions = {},
): Layer {
  const { kernel, stride, group, initialise, pads } = convDefaults(options)
  const [w, b] = [`${name}.weight`, `${name}.bias`]
  // An output is reached by one kernel place in stride² only.
  const fanIn = ((inputs / group) * kernel * kernel) / (stride * stride)
  return layer(
    {
      [w]: { shape: [inputs, outputs / group, kernel, kernel], initialise: initialise(fanIn), decay: true },
      ...(options.bias !== false && { [b]: bias(outputs) }),
    },
    (p, x) =>
      convolveTransposed(x, p[w]!, p[b], {
        strides: [stride, stride],
        pads,
        group,
      }),
  )
}

/** Layers one after another. */
export function sequential(...layers: readonly LayerLike[]): Layer {
  const all = layers.map(asLayer)
  const split = splitOf(all)
  return Object.assign(chain(all), split && { split })
}

function chain(layers: readonly Layer[]): Layer {
  const names = layers.flatMap((l) => Object.keys(l.parameters))
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice) throw new Error(`two layers have a parameter called ${twice}`)
  return layer(Object.assign({}, ...layers.map((l) => l.parameters)), (p, x, training) =>
    layers.reduce((y, l) => l(p, y, training), x),
  )
}

const learns = ({ parameters }: Layer) => Object.keys(parameters).length > 0

/** Where the first layer is a sequence itself, its own first layer counts. */
function splitOf(layers: readonly Layer[]): Split | undefined {
  const at = layers.findIndex(learns)
  if (at < 0) return undefined
  const { first = layers[at]!, rest } = layers[at]!.split ?? {}
  const after = [...(rest && learns(rest) ? [rest] : []), ...layers.slice(at + 1)]
  const next = after.findIndex(learns)
  const end = next < 0 ? after.length : next
  return {
    first: chain([...layers.slice(0, at), first, ...after.slice(0, end)]),
    rest: chain(after.slice(end)),
  }
}

/** The sum of two branches: a block and its projected shortcut, say. */
export function sum(a: Layer, b: Layer): Layer {
  return layer({ ...a.parameters, ...b.parameters }, (p, x, training) =>
    a(p, x, training).add(b(p, x, training)),
  )
}

/**
 * x + gain · f(x), with a learned gain that starts at `start`: at 0 the block is the identity at first, which does what
 * batch normalisation does for deep residual networks at their start (De & Smith 2020, SkipInit).
 */
export function residual(name: string, branch: Layer, start = 0): Layer {
  const gain = `${name}.gain`
  return layer(
    { ...branch.parameters, [gain]: { shape: [1], initialise: fill(start), decay: false } },
    (p, x, training) => x.add(branch(p, x, training).mul(p[gain]!)),
  )
}

/**
 * Each group of channels brought to mean 0 and variance 1, then scaled and shifted by channel (Wu & He 2018); it keeps no
 * running statistics. Parameters `name.scale` and `name.bias` [channels].
 */
export function groupNorm(name: string, channels: number, groups = Math.min(8, channels)): Layer {
  if (channels % groups) throw new Error(`${name}: ${channels} channels are not ${groups} equal groups`)
  const [s, b] = [`${name}.scale`, `${name}.bias`]
  return layer(
    { [s]: { shape: [channels], initialise: fill(1), decay: false }, [b]: bias(channels) },
    (p, x) => {
      const [n, , ...places] = x.shape as [number, ...number[]]
      const rows = x.reshape([n, groups, elements(places) * (channels / groups)])
      const normal = instanceNormalization(rows, ...unitNorm(groups)).reshape(x.shape)
      const perChannel = [1, channels, ...places.map(() => 1)]
      return normal.mul(p[s]!.reshape(perChannel)).add(p[b]!.reshape(perChannel))
    },
  )
}

/** Scale 1 and shift 0 for each of n channels. */
const unitNorm = (n: number) =>
  [1, 0].map((v) => constant(float32([n], new Float32Array(n).fill(v)))) as [Tensor, Tensor]

/**
 * Each channel brought to mean 0 and variance 1, then scaled and shifted (Ioffe & Szegedy 2015). In training by the mean
 * and variance of the samples that are run together: the whole batch, or each shard of it by itself where a batch is cut
 * (ghost batch normalisation; Hoffer, Hubara, Soudry 2017). In use, and in inner attacks, by the running means of both.
 * Parameters `name.scale`, `name.bias`, `name.mean` and `name.variance` [channels].
 *
 * @param start first value of the scale: 0 at the end of a residual branch makes the block the identity at first
 */
export function batchNorm(name: string, channels: number, start = 1): Layer {
  const [s, b, m, v] = ['scale', 'bias', 'mean', 'variance'].map((key) => `${name}.${key}`) as [
    string,
    string,
    string,
    string,
  ]
  const statistic = (value: number): ParameterSpec => ({
    shape: [channels],
    initialise: fill(value),
    decay: false,
    statistic: true,
  })
  const specs = {
    [s]: { shape: [channels], initialise: fill(start), decay: false },
    [b]: bias(channels),
    [m]: statistic(0),
    [v]: statistic(1),
  }
  return layer(specs, (p, x, training) => {
    const [scale, shift] = [p[s]!, p[b]!]
    if (!training) return batchNormalization(x, scale, shift, p[m]!, p[v]!)
    const { y, mean, variance } = batchNormTraining(x, scale, shift)
    training.observe(m, mean)
    training.observe(v, variance)
    return y
  })
}

/** In training, values set to 0 at random and the rest scaled up to keep the mean (Srivastava et al. 2014). */
export function dropout(rate: number): Layer {
  return layer({}, (_, x, training) => {
    if (!training) return x
    const kept = greaterOrEqual(training.random.uniform(x.shape.slice(1)), rate).cast('float32')
    return x.mul(kept).div(1 - rate)
  })
}

/** (x − shift) · scale with fixed numbers: inputs brought to unit spread inside the network. */
export const standardise = (shift: number, scale: number) => (x: Tensor) => x.sub(shift).mul(scale)

/** Square max-pooling whose windows tile the picture. */
export const maxPool = (size: number) => (x: Tensor) => maxPooled(x, { kernel: [size, size] })

/** Square mean-pooling whose windows tile the picture. */
export const meanPool = (size: number) => (x: Tensor) => averagePool(x, { kernel: [size, size] })

/** Mean over places: [N, C, H, W] → [N, C]. */
export const globalMean = (x: Tensor) => flat(pooled(x))

/** [N, …] → [N, product]. */
export const flatten = (x: Tensor) => flat(x)
