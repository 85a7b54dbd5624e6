/** The networks by name. */
import type { Network } from '../network.ts'
import { kWtaCnn } from './k-wta-cnn.ts'
import { resnet18, wideResnet } from './batch-norm-resnet.ts'
import { lenet5 } from './lenet5.ts'
import { mlp } from './mlp.ts'
import { madryCnn, mnistCnn, stridedCnn } from './mnist-cnn.ts'
import { resnet } from './resnet.ts'
import { signCnn } from './sign-cnn.ts'

export interface NetworkRequest {
  /** Of one sample of the data. */
  readonly shape: readonly number[]
  readonly classes: number
  readonly bounds: readonly [number, number]
}

export interface NetworkDefinition {
  readonly what: string
  /** The only shape of a sample that it takes; any if absent. */
  readonly shape?: readonly number[]
  make(request: NetworkRequest): Network
}

const digits = { shape: [1, 28, 28] }

export const networks: Readonly<Record<string, NetworkDefinition>> = {
  'mnist-cnn': { what: 'four convolutions, dropout (SmallCNN of TRADES)', ...digits, make: mnistCnn },
  'madry-cnn': { what: 'two 5×5 convolutions, 1,024 units (Madry et al. 2018)', ...digits, make: madryCnn },
  'strided-cnn': { what: 'two strided convolutions (Wong et al. 2020)', ...digits, make: stridedCnn },
  'k-wta-cnn': {
    what: 'two convolutions that keep the largest 8 % of each layer (Xiao et al. 2020)',
    ...digits,
    make: ({ classes }) => kWtaCnn({ classes }),
  },
  lenet5: { what: 'LeNet-5 (LeCun et al. 1998)', ...digits, make: lenet5 },
  'sign-cnn': {
    what: 'a residual network without normalisation',
    shape: [3, 32, 32],
    make: ({ classes }) => signCnn({ classes }),
  },
  resnet8: {
    what: 'ResNet-8 with group normalisation, for pictures of any size',
    make: ({ shape, classes }) => resnet({ shape, classes }),
  },
  resnet20: {
    what: 'ResNet-20 with group normalisation, for pictures of any size',
    make: ({ shape, classes }) => resnet({ shape, classes, depth: 3 }),
  },
  resnet18: {
    what: 'ResNet-18 with batch normalisation and a 3×3 stem, for CIFAR-10 and the like',
    make: ({ shape, classes }) => resnet18({ shape, classes }),
  },
  'wrn-16-4': {
    what: 'wide ResNet of 16 layers, 4 times as wide (Zagoruyko & Komodakis 2016)',
    make: ({ shape, classes }) => wideResnet({ shape, classes, depth: 16, widen: 4 }),
  },
  'wrn-28-10': {
    what: 'wide ResNet of 28 layers, 10 times as wide (Zagoruyko & Komodakis 2016)',
    make: ({ shape, classes }) => wideResnet({ shape, classes }),
  },
  mlp: { what: 'two hidden layers of 100 units', make: mlp },
}
