/** LeNet-5 with rectifiers and max-pooling, as it is used today (LeCun, Bottou, Bengio, Haffner 1998). */
import { relu } from '@saddlepoint/autodiff'
import { conv, flatten, linear, maxPool, sequential } from '../layers.ts'
import { network, type Network } from '../network.ts'
import { heNormal } from '../parameters.ts'

/** 61,706 parameters for ten classes. */
export function lenet5({ classes = 10 }: { readonly classes?: number } = {}): Network {
  return network({
    name: 'lenet5',
    shape: [1, 28, 28],
    classes,
    body: sequential(
      // The paper's pictures are 32 pixels wide, of which the outer two are empty.
      conv('conv1', 1, 6, { kernel: 5, padding: 2 }),
      relu,
      maxPool(2),
      conv('conv2', 6, 16, { kernel: 5, padding: 0 }),
      relu,
      maxPool(2),
      flatten,
      linear('fc1', 16 * 5 * 5, 120),
      relu,
      linear('fc2', 120, 84),
      relu,
      linear('fc3', 84, classes, { initialise: (fanIn) => heNormal(fanIn, 1) }),
    ),
  })
}
