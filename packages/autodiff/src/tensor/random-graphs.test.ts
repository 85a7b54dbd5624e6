/** Small random networks: operators next to one another, with weights used twice, residuals and branches. */
import { describe, test } from 'vitest'
import * as activation from './activation.ts'
import { check, type Argument, type Case } from './check.test.support.ts'
import { conv, convTranspose } from './conv.ts'
import * as e from './elementwise.ts'
import { concat, flatten, pad } from './layout.ts'
import { linear } from './linear.ts'
import { batchNormTraining, instanceNormalization, layerNormalization } from './normalize.ts'
import { averagePool, globalAveragePool } from './pool.ts'
import { upsampleNearest } from './resize.ts'
import { apply, input, type Tensor } from './tensor.ts'
import { generator, positive, real } from './values.test.support.ts'

const GRAPHS = 30
const smooth = [
  e.tanh,
  e.sigmoid,
  activation.softplus,
  activation.gelu,
  activation.mish,
  (x: Tensor) => e.sin(x),
]

/**
 * A network chosen by a seed. It is traced twice: first to find what weights it needs, then with them. Every operator in
 * it is smooth, for nobody can say where the kinks of a random network lie.
 */
class Network {
  readonly weights: Argument[] = []
  private readonly random: () => number
  private next = 0
  private readonly given: readonly Tensor[] | undefined
  mixes = false
  constructor(seed: number, given?: readonly Tensor[]) {
    this.random = generator(seed)
    this.given = given
  }

  private pick<T>(...choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)]!
  }
  private weight(argument: Argument): Tensor {
    this.weights.push(argument)
    const { shape } = argument
    return this.given?.[this.next++] ?? input('weight', 'float32', shape)
  }
  private scaled(shape: readonly number[]): Tensor {
    const size = 1 / Math.sqrt(shape.slice(1).reduce((p, d) => p * d, 1))
    return this.weight(real(shape, -1.5 * size, 1.5 * size))
  }

  private activate(x: Tensor): Tensor {
    return this.pick(...smooth)(x)
  }

  private block(x: Tensor): Tensor {
    const c = x.shape[1]!
    const [h, w] = x.shape.slice(2) as [number, number]
    const o = this.pick(2, 3, 4)
    const kinds: (() => Tensor)[] = [
      () => conv(x, this.scaled([o, c, 3, 3]), this.weight(real([o])), { pads: [1, 1, 1, 1] }),
      () => conv(x, this.scaled([o, c, 3, 3]), undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }),
      () => conv(x, this.scaled([c, 1, 2, 2]), undefined, { group: c, pads: [1, 0, 0, 1] }),
      () => conv(x, this.scaled([o, c, 1, 1]), this.weight(real([o]))),
      () => convTranspose(x, this.scaled([c, o, 2, 2])),
      () => averagePool(x, { kernel: [2, 2], strides: [1, 1] }),
      () => averagePool(x, { kernel: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1] }),
      () =>
        apply('BatchNormalization', [
          x,
          this.weight(positive([c])),
          this.weight(real([c])),
          this.weight(real([c])),
          this.weight(positive([c])),
        ]),
      () => this.trained(x, c),
      () => instanceNormalization(x, this.weight(positive([c])), this.weight(real([c])), 0.1),
      () => x.add(conv(this.activate(x), this.scaled([c, c, 3, 3]), undefined, { pads: [1, 1, 1, 1] })),
      () => concat([x, this.activate(x)], 1),
      () => concat([conv(x, this.scaled([o, c, 1, 1])), x.square()], 1),
      () => x.mul(e.sigmoid(globalAveragePool(x))),
      () => x.add(this.weight(real([c, 1, 1]))).mul(this.weight(real([1, w]))),
      () => activation.softmax(x, 1),
      () => pad(x, [0, 0, 1, 0, 0, 0, 0, 1], 0, 'edge'),
      () => x.transpose([0, 1, 3, 2]),
      () => (h * w <= 16 ? upsampleNearest(x, [2, 2]) : x.mul(0.5)),
    ]
    return this.activate(this.pick(...kinds)())
  }
  private trained(x: Tensor, c: number): Tensor {
    this.mixes = true
    return batchNormTraining(x, this.weight(positive([c])), this.weight(real([c])), 0.1).y
  }

  private head(x: Tensor): Tensor {
    const flat = this.pick(flatten, (t: Tensor) => globalAveragePool(t).reshape([-1, t.shape[1]!]))(x)
    const hidden = this.activate(linear(flat, this.scaled([5, flat.shape[1]!]), this.weight(real([5]))))
    const kinds: (() => Tensor)[] = [
      () => linear(hidden, this.scaled([4, 5]), this.weight(real([4]))),
      () => activation.logSoftmax(linear(hidden, this.scaled([4, 5]))),
      () => layerNormalization(hidden, this.weight(positive([5])), this.weight(real([5])), -1, 0.1),
      // One set of weights in two places.
      () => this.shared(hidden),
    ]
    return this.pick(...kinds)()
  }
  private shared(x: Tensor): Tensor {
    const w = this.scaled([5, 5])
    return linear(this.activate(linear(x, w)), w)
  }

  build(x: Tensor): Tensor {
    let y = x
    for (let i = this.pick(1, 2, 3, 4); i > 0; i--) y = this.block(y)
    return this.head(y)
  }
}

function network(seed: number): Case {
  const plan = new Network(seed)
  const sample = [2, 5, 4]
  plan.build(input('x', 'float32', [-1, ...sample]))
  return {
    name: `network ${seed}`,
    f: (x, ...weights) => new Network(seed, weights).build(x!),
    args: [real([-1, ...sample]), ...plan.weights],
    mixes: plan.mixes,
    tolerance: 5e-3,
  }
}

describe('random networks', () => {
  for (let seed = 1; seed <= GRAPHS; seed++) test(`network ${seed}`, () => check(network(seed)))
})
