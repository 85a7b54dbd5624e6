/** The three convolutional networks that adversarial training is usually measured with on MNIST. */
import { relu } from '@saddlepoint/autodiff'
import { conv, dropout, flatten, linear, maxPool, sequential } from '../layers.ts'
import { network, type Network } from '../network.ts'
import { fill, heNormal, heUniform } from '../parameters.ts'

const shape = [1, 28, 28]
const head = (fanIn: number) => heNormal(fanIn, 1)

/** Four 3 × 3 convolutions and three linear layers, with dropout (Carlini & Wagner 2017; SmallCNN of Zhang et al. 2019). */
export function mnistCnn({ classes = 10 }: { readonly classes?: number } = {}): Network {
  return network({
    name: 'mnist-cnn',
    shape,
    classes,
    body: sequential(
      conv('conv1', 1, 32, { padding: 0 }),
      relu,
      conv('conv2', 32, 32, { padding: 0 }),
      relu,
      maxPool(2),
      conv('conv3', 32, 64, { padding: 0 }),
      relu,
      conv('conv4', 64, 64, { padding: 0 }),
      relu,
      maxPool(2),
      flatten,
      linear('fc1', 64 * 4 * 4, 200),
      relu,
      dropout(0.5),
      linear('fc2', 200, 200),
      relu,
      linear('fc3', 200, classes, { initialise: () => fill(0) }),
    ),
  })
}

/** Two 5 × 5 convolutions, each with a pooling, and 1,024 hidden units (Madry et al. 2018, section 5). */
export function madryCnn({ classes = 10 }: { readonly classes?: number } = {}): Network {
  return network({
    name: 'madry-cnn',
    shape,
    classes,
    body: sequential(
      conv('conv1', 1, 32, { kernel: 5 }),
      relu,
      maxPool(2),
      conv('conv2', 32, 64, { kernel: 5 }),
      relu,
      maxPool(2),
      flatten,
      linear('fc1', 64 * 7 * 7, 1024),
      relu,
      linear('fc2', 1024, classes, { initialise: head }),
    ),
  })
}

/**
 * Weights in ±1 / √fanIn, a sixth of He's variance. From He's, adversarial training at eps 0.3 sets out on scores that one
 * step of 0.3 throws about, and single-step training then overfits catastrophically within three epochs.
 */
const small = (fanIn: number) => heUniform(fanIn, 1 / Math.sqrt(3))

/** Two 4 × 4 convolutions of stride 2 and 100 hidden units: small and fast (Wong & Kolter 2018; Wong, Rice, Kolter 2020). */
export function stridedCnn({ classes = 10 }: { readonly classes?: number } = {}): Network {
  const halving = { kernel: 4, stride: 2, padding: 1, initialise: small }
  return network({
    name: 'strided-cnn',
    shape,
    classes,
    body: sequential(
      conv('conv1', 1, 16, halving),
      relu,
      conv('conv2', 16, 32, halving),
      relu,
      flatten,
      linear('fc1', 32 * 7 * 7, 100, { initialise: small }),
      relu,
      linear('fc2', 100, classes, { initialise: small }),
    ),
  })
}
